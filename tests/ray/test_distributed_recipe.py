"""The recipe `distributed`, on three nodes that are processes of this machine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from uuid import uuid4

import pytest

from recipes.tracking.weights import find_weights
from tests.conftest import ends
from tests.ray.test_cluster import end_all, marked, told
from torchpipe.errors import UsageError

PLACE = r"node [0-9a-f]{8} node=[abc], cpu, process \d+: (\d+) of (\d+) items"


@pytest.fixture
def weights() -> None:
    try:
        find_weights()
    except UsageError as error:
        pytest.skip(str(error))


def test_both_pipelines_take_the_gpus_of_three_nodes_and_leave_nothing(weights, tmp_path):
    text = told(f"""
        import os; os.chdir("{tmp_path}")
        from recipes.distributed import Classification, Detection
        from tests.conftest import children

        def show(pipeline):
            while ray.available_resources().get("GPU"):
                pass
            results = list(run)
            print(*(f"{{name}}: {{text}}" for name, text in pipeline.summary().items()), sep="\\n")
            return results

        with (detection := Detection(simulate=True)).run(items=6) as run:
            address = ray.get_runtime_context().gcs_address
            print([tracks.frame for tracks, _ in show(detection)])
        first = run
        with (classification := Classification(12, simulate=True)).run(ray_address=address) as run:
            show(classification)
        del first
        print(children())
    """)
    computed, ended = text.partition("tracks: tracks.txt\n")[::2]
    assert sum(int(count) for count, _ in re.findall(PLACE, computed)) == 6
    assert ended.startswith("[1, 2, 3, 4, 5, 6]\n")
    assert sum(int(count) for count, _ in re.findall(PLACE, ended)) == 12
    assert ended.endswith("right: 12 of 12\n{}\n")


def test_a_simulated_cluster_stands_alone_until_it_is_interrupted():
    name, value = "TORCHPIPE_TEST_SCRIPT", str(uuid4())
    cluster = subprocess.Popen(
        [sys.executable, "-m", "recipes.distributed.simulate", "1"],
        env={**os.environ, name: value},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert re.fullmatch(r"[\d.]+:\d+\n", cluster.stdout.readline())
        cluster.send_signal(signal.SIGINT)
        assert cluster.wait() == 0
        assert all(any(ends(pid) for _ in range(5)) for pid in marked(f"{name}={value}"))
    finally:
        end_all(f"{name}={value}")
        cluster.communicate()
