"""What `torchpipe doctor` says of a cluster that is there, and of one that is not."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.ray


def seen(address: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "torchpipe.engine.ray.seen"],
        env={**os.environ, "RAY_ADDRESS": address, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.partition(": ")[2]


def test_what_a_cluster_has_is_told(cluster):
    import ray

    address = ray.get_runtime_context().gcs_address
    what = "a cluster with 1 nodes, 8 CPUs and 4 GPUs"
    assert seen(address) == f"{what} is at {address}, which RAY_ADDRESS names\n"


def test_a_cluster_that_does_not_answer_is_told():
    told = seen("127.0.0.1:1")
    assert told.startswith("cannot join the Ray cluster at 127.0.0.1:1: nothing answers there")


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("", "no cluster is here; a run with Ray clones starts one of its own"),
        ("auto", "cannot join the Ray cluster at 127.0.0.1:1: nothing answers there"),
    ],
)
def test_a_cluster_that_was_killed_is_not_waited_for(tmp_path, address, text):
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")
    assert seen(address, RAY_TMPDIR=str(tmp_path)).startswith(text)
