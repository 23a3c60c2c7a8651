"""For all tests with Ray: one small local cluster, with GPUs that exist in name only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="needs the extra `ray`")

SMALL = {
    "include_dashboard": False,
    "log_to_driver": False,
    "object_store_memory": 200 * 2**20,
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests in this folder need Ray; starting processes takes its time."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.ray)
            item.add_marker(pytest.mark.timeout(120))


@pytest.fixture(scope="session")
def cluster() -> Iterator[None]:
    """A cluster of the test's own that all tests share."""
    os.environ["RAY_DEDUP_LOGS"] = "0"
    ray.init(address="local", num_cpus=8, num_gpus=4, resources={"disk": 2}, **SMALL)
    yield
    ray.shutdown()
