"""For all tests on a GPU: they are skipped where torch finds none."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from tests.ray.conftest import nothing_left  # noqa: F401  (CUDA itself opens files)

if find_spec("ray") is None:
    collect_ignore = ["test_ray_clones.py"]  # needs the extra `ray`

NO_GPU = "needs a CUDA device: torch.cuda.is_available() is false here"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests in this folder need a GPU; the first one loads CUDA, which takes its time."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.gpu)
            item.add_marker(pytest.mark.timeout(150))
            item.add_marker(pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_GPU))


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """A cluster of the tests' own with the first GPU, whatever else the machine has."""
    import ray

    ray.init(
        address="local",
        num_cpus=4,
        num_gpus=1,
        include_dashboard=False,
        log_to_driver=False,
        object_store_memory=200 * 2**20,
    )
    yield
    ray.shutdown()
