"""For all tests: nothing may be left behind, and where the real data lies."""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

# No test measures time: on a busy machine an example takes as long as it takes.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# One thread per torch operation: results and timings do not depend on the machine's cores. Torch
# reads it when it is imported, which is after this.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A shell has its background jobs ignore Ctrl-C, and so what they start: here, and in children, it
# ends what it should end.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

collect_ignore_glob = ["benchmarks/*"]  # commands, not tests

LAST_CALL = 1.0  # seconds that a thread or process may take to end


def pytest_runtest_setup(item: pytest.Item) -> None:
    """No stacks of a test that may take long and is well: reading them while it runs can crash."""
    marker = item.get_closest_marker("timeout")
    patience = float(item.config.getini("faulthandler_timeout"))
    if marker is not None and not 0 < marker.args[0] < patience:
        faulthandler.cancel_dump_traceback_later()


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    """Fail a test that leaves a thread, a process or a file descriptor."""
    with leaving_nothing():
        yield


@contextmanager
def leaving_nothing() -> Iterator[None]:
    """Fail if the block leaves a thread, a process or a file descriptor."""
    threads, processes, files = set(threading.enumerate()), children(), descriptors()
    yield
    left = [
        *(f"thread {thread.name}" for thread in threading.enumerate() if lives(thread, threads)),
        *(f"process {pid}: {text}" for pid, text in remaining(processes).items()),
    ]
    if descriptors().keys() - files.keys():
        gc.collect()  # a file in a reference cycle closes here
    left += [f"file {fd}: {to}" for fd, to in descriptors().items() if files.get(fd) != to]
    if left:
        pytest.fail("the test left behind:\n  " + "\n  ".join(left), pytrace=False)


def lives(thread: threading.Thread, before: set[threading.Thread]) -> bool:
    """Whether a thread that was not there before goes on."""
    if thread in before:
        return False
    thread.join(LAST_CALL)
    return thread.is_alive()


def remaining(before: dict[int, str]) -> dict[int, str]:
    """The child processes that were not there before and do not end."""
    new = {pid: text for pid, text in children().items() if pid not in before}
    return {pid: text for pid, text in new.items() if not ends(pid)}


def ends(pid: int) -> bool:
    """Wait for a process of ours to end."""
    if not hasattr(os, "pidfd_open"):
        return False
    import select

    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([handle], [], [], LAST_CALL)[0])
    finally:
        os.close(handle)


def children() -> dict[int, str]:
    """This process's children and their command lines; nothing where there is no /proc."""
    found = {}
    for thread in Path("/proc/self/task").glob("*"):
        try:
            for pid in (thread / "children").read_text().split():
                command = Path("/proc", pid, "cmdline").read_bytes().replace(b"\0", b" ")
                if command:  # a process that ended has none
                    found[int(pid)] = command.decode(errors="replace").strip()
        except (FileNotFoundError, ProcessLookupError):  # it ended meanwhile
            continue
    return found


def descriptors() -> dict[str, str]:
    """The open file descriptors and what they lead to; nothing where there is no /proc."""
    found = {}
    for link in Path("/proc/self/fd").glob("*"):
        try:
            found[link.name] = str(link.readlink())
        except FileNotFoundError:  # the one that listed the folder
            continue
    return found


@pytest.fixture(scope="session")
def cluster() -> Iterator[None]:
    """A small Ray cluster that all tests share, with GPUs that exist in name only."""
    ray = pytest.importorskip("ray")
    ray.init(
        address="local",
        num_cpus=8,
        num_gpus=4,
        resources={"disk": 2},
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=200 * 2**20,
    )
    yield
    ray.shutdown()


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder with real videos and detections, which is not part of the project."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("TORCHPIPE_TEST_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"no test data in {folder}: set TORCHPIPE_TEST_DATA to its folder")
    return folder
