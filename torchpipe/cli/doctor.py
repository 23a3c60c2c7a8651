"""`torchpipe doctor`: what is installed, which devices there are, and what is missing for what."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import torchpipe
from torchpipe.cli.requirements import DISTRIBUTION, Requirement, installed, required
from torchpipe.engine.planning.period import cores
from torchpipe.errors import UsageError

SHARED = Path("/dev/shm")
PATIENCE = 60.0
"""Seconds in which torch or Ray must have told what they see."""

LIBRARIES = {"torch": "torchpipe.engine.torch_seen", "ray": "torchpipe.engine.ray.seen"}
"""What tells what each of them sees, in a process of its own."""

WIDTH, COLUMN = 100, 12


def examine() -> Iterator[str]:
    """Tell what is there, line by line.

    Raises:
        UsageError: At the end, if something that is needed is missing or broken.
    """
    broken = [*wrong_names()]
    yield f"torchpipe {torchpipe.__version__} in {Path(torchpipe.__file__).parent}"
    yield f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    yield ", ".join(limits())
    yield ""
    for extra, needed in required().items():
        yield from row(extra, needed)
        broken += refused(extra, needed)
    yield ""
    for library in LIBRARIES:
        told, failure = asked(library) if installed(library) else ([], None)
        yield from told
        broken += [failure] if failure else []
    if broken:
        raise UsageError(" ".join(broken))
    yield "\nAll that is needed is there."


def wrong_names() -> Iterator[str]:
    """What is wrong with torchpipe itself: not installed, or hidden by its namesake."""
    if installed(DISTRIBUTION) is None:
        yield (
            f"{DISTRIBUTION} is not installed, so nobody knows what it needs: it only lies on the "
            f"path. Install it from its folder: pip install --editable '.'."
        )
    if installed("torchpipe") is not None:
        yield (
            f"torchpipe {installed('torchpipe')} is installed, another project that imports under "
            f"the same name: pip uninstall torchpipe {DISTRIBUTION}, and install {DISTRIBUTION} "
            f"again."
        )


def limits() -> Iterator[str]:
    """What the system grants this process."""
    yield f"{cores()} cores"
    if sys.platform != "win32":
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        yield f"{soft:,} open files (ulimit -n; at most {hard:,})"
    if SHARED.is_dir():
        usage = shutil.disk_usage(SHARED)
        yield f"{usage.free / 1e9:.1f} of {usage.total / 1e9:.1f} GB of shared memory free"


def row(extra: str, needed: list[Requirement]) -> list[str]:
    """What an extra needs and has, or what is missing and how to get it."""
    there = {one.name: f"{one.name} {one.version}" for one in needed}
    wrong = dict.fromkeys(problem for one in needed if (problem := problem_of(one)))
    target = f".[{extra}]" if extra else "."
    found = ", ".join(wrong or there.values())
    text = f"{found}; pip install --editable '{target}'" if wrong else found
    lines = textwrap.wrap(text, WIDTH - COLUMN, break_on_hyphens=False)
    names = [extra or "always", *[""] * (len(lines) - 1)]
    return [f"{name:<{COLUMN}}{line}" for name, line in zip(names, lines, strict=True)]


def problem_of(one: Requirement) -> str | None:
    """What is wrong with a package here, in a few words."""
    if one.is_unfit:
        return f"{one.name} {one.version} is not {one.versions}"
    return None if one.version else f"no {one.name}"


def refused(extra: str, needed: list[Requirement]) -> list[str]:
    """What must not stay so: what is always needed, and releases that must never be used."""
    wrong = [one for one in needed if (problem_of(one) and not extra) or one.is_excluded]
    return [f"{problem_of(one)}: pip install '{one.name}{one.versions}'." for one in wrong]


def asked(library: str) -> tuple[list[str], str | None]:
    """What a library sees, told by a process of its own; or why it could not tell."""
    command = [sys.executable, "-m", LIBRARIES[library]]
    quiet = os.environ | {"PYTHONWARNINGS": "ignore"}
    try:
        done = subprocess.run(
            command, env=quiet, timeout=PATIENCE, check=False, capture_output=True, text=True
        )
    except subprocess.TimeoutExpired:
        return [], f"{library} does not answer: it was asked for {PATIENCE:g} seconds."
    if done.returncode:
        why = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1]
        return [], f"{library} cannot be used: {why}."
    return done.stdout.splitlines(), None
