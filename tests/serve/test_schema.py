"""The OpenAPI document says exactly what the service takes: schemathesis finds nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.serve.made import Typed, add_one, asking, serving_apart

pytest.importorskip("schemathesis")

# A deadline of a millisecond gives 504, as it should.
CONFIG = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "504"]
"""


def document(url: str) -> dict:
    """What the service says of itself, without two things that no generator can know.

    A file in a form must be an image or an array, and a service that was drained takes no more.
    """
    told = httpx.get(f"{url}/openapi.json").json()
    for path in ("/run", "/stream"):
        told["paths"][path]["post"]["requestBody"]["content"].pop("multipart/form-data", None)
    del told["paths"]["/drain"]
    return told


@pytest.mark.parametrize(
    "target", ["tests.serve.everything:Everything", "tests.serve.everything:Words"]
)
def test_schemathesis_finds_nothing(target, tmp_path: Path):
    fuzz(target, tmp_path, 10)


@pytest.mark.stress
@pytest.mark.timeout(1800)
def test_10_000_requests_leave_the_service_healthy(tmp_path: Path):
    assert fuzz("tests.serve.everything:Everything", tmp_path, 2000) >= 10_000


def fuzz(target: str, folder: Path, examples: int) -> int:
    """Let schemathesis ask, and the service be healthy afterwards; return how often it asked."""
    (folder / "schemathesis.toml").write_text(CONFIG)
    with serving_apart(target, "--no-access-log") as (_, url):
        (folder / "openapi.json").write_text(json.dumps(document(url)))
        script = [str(Path(sys.executable).with_name("schemathesis")), "run", "openapi.json"]
        options = ["--url", url, "--checks", "all", "-n", str(examples), "--seed", "1"]
        done = subprocess.run(
            [*script, *options, "--no-color", "--generation-database", "none"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": ""},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        assert httpx.get(f"{url}/readyz").status_code == 200
        stats = httpx.get(f"{url}/stats").json()["requests"]
        assert stats["inside"] == 0
    line = next(one for one in done.stdout.splitlines() if " generated" in one)
    return int(line.split()[0].replace(",", ""))


def test_the_page_asks_no_other_host():
    with asking(Typed(add_one)) as client:
        page = client.get("/docs").text
        for part in page.split('"')[1::2]:
            assert not part.startswith(("http:", "https:", "//")), part
        script = next(part for part in page.split('"') if part.endswith(".js"))
        assert client.get(script).status_code == 200
