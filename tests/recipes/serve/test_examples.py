"""The examples of the recipe's README, as they stand, against the services that they start."""

from __future__ import annotations

import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

pytest.importorskip("tritonclient.http", reason="needs the extra `dev`")

ROOT = Path(__file__).parents[3]
README = (ROOT / "recipes" / "serve" / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```(?:\n\n^```\n(.*?)^```)?", re.M | re.S)
HOST = "localhost:8000"


@dataclass(frozen=True)
class Checkout:
    """A folder that looks like a checkout, and may be written to."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        programs = [str(self.folder), str(Path(sys.executable).parent), os.environ["PATH"]]
        own = {"PATH": os.pathsep.join(programs), "PYTHONPATH": str(ROOT)}
        return {**os.environ, **own, "PYTHONWARNINGS": "ignore"}

    def output(self, kind: str, code: str) -> str:
        """What a block prints; it must not fail."""
        shell = ["bash", "-euo", "pipefail"] if kind == "sh" else [sys.executable]
        done = subprocess.run(
            [*shell, "-c", code],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, f"{code}\n{done.stdout}{done.stderr}"
        return done.stdout

    @contextmanager
    def served(self, code: str) -> Iterator[str]:
        """The address of the service that a block's last line starts, on a port that is free."""
        *before, serve = code.splitlines()
        self.output("sh", "\n".join(before))
        log = self.folder / "log"
        with (
            log.open("w") as errors,
            subprocess.Popen(
                ["bash", "-c", f"exec {serve} --port 0"],
                cwd=self.folder,
                env=self.environment,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as process,
        ):
            try:
                assert process.stdout is not None
                _, _, host = process.stdout.readline().partition("http://")
                assert host, log.read_text()
                yield host.strip()
            finally:
                process.kill()


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    for name in ("recipes", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    command = tmp_path / "torchpipe"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m torchpipe.cli "$@"\n')
    command.chmod(0o755)
    return Checkout(tmp_path)


@pytest.mark.timeout(240)  # one of them trains a network first
@pytest.mark.parametrize("title", ["Digits", "Tracker"])
def test_the_examples_of_a_service_run_and_print_what_the_page_shows(title, checkout):
    (section,) = re.findall(rf"^## {title}\n(.*?)^## ", README, re.M | re.S)
    with ExitStack() as services:
        host = HOST
        for kind, code, shown in BLOCK.findall(section):
            if "torchpipe serve" in code:
                host = services.enter_context(checkout.served(code))
            else:
                printed = checkout.output(kind, code.replace(HOST, host))
                assert not shown or matches(shown, printed), printed
    assert host != HOST


def matches(shown: str, printed: str) -> bool:
    """Whether the page shows it; there, `...` stands for anything."""
    return doctest.OutputChecker().check_output(shown, printed.rstrip() + "\n", doctest.ELLIPSIS)
