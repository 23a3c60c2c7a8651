"""For all tests of services."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator

import pytest

uvloop = pytest.importorskip("uvloop", reason="needs the extra `serve`")
pytest.importorskip("fastapi", reason="needs the extra `serve`")


@pytest.fixture(scope="session", autouse=True)
def first_loop() -> None:
    """The first loop of uvloop opens a pipe that stays: no test is to blame for it."""

    def run() -> None:
        uvloop.new_event_loop().close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()


@pytest.fixture(autouse=True)
def access_log_as_before() -> Iterator[None]:
    """`torchpipe serve` in this process says how much is logged, for all that comes after."""
    logger = logging.getLogger("torchpipe.access")
    level = logger.level
    yield
    logger.setLevel(level)
