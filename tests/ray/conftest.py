"""For all tests with Ray: clones leave nothing behind; the cluster is in `tests/conftest.py`."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.conftest import ends, lives

if find_spec("ray") is None:
    collect_ignore_glob = ["*"]  # needs the extra `ray`


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests in this folder need Ray; starting processes takes its time."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.ray)
            item.add_marker(pytest.mark.timeout(150))


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Fail a test that leaves a thread or a clone's process; Ray's own ones stay."""
    with leaving_no_clone():
        yield


@contextmanager
def leaving_no_clone() -> Iterator[None]:
    """Fail if the block leaves a thread of a run or a clone's process."""
    threads = set(threading.enumerate())
    yield
    left = [
        f"thread {thread.name}"
        for thread in threading.enumerate()
        if thread.name.startswith("torchpipe") and lives(thread, threads)
    ]
    left += [f"process {pid}" for pid in hosts() if not any(ends(pid) for _ in range(5))]
    if left:
        pytest.fail("the test left behind:\n  " + "\n  ".join(left), pytrace=False)


def hosts() -> list[int]:
    """The processes of clones that these tests have started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "cmdline").read_bytes().startswith(b"ray::Host") and is_ours(folder):
                found.append(int(folder.name))
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
    return found


def is_ours(folder: Path) -> bool:
    """Whether a process descends from this one; others on the machine may use Ray as well."""
    while folder.name not in ("0", "1", str(os.getpid())):
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        folder = folder.with_name(fields[1])
    return folder.name == str(os.getpid())
