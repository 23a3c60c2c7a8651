"""What clones use of a GPU: told by statistics, for threads and processes."""

from __future__ import annotations

import pytest

import torchpipe as tp
from tests.engine.made import line, scaled
from tests.gpu.made import GPU, HELD, Holds

ON_GPU = tp.ThreadClone(device=GPU)


def test_waits_and_memory_of_thread_clones_are_told():
    with line(source=tp.Source(range(20)), hold=scaled(Holds(), [ON_GPU] * 2)).run() as run:
        list(run)
        now = run.statistics()
        holds = [clone for clone in now if clone.path == "hold"]
        assert all(0 < clone.gpu <= clone.busy for clone in holds)
        assert all(clone.memory >= HELD for clone in holds)
        (gpu,) = now.gpus
        assert gpu.device == GPU
        waits = [clone.gpu for clone in holds]
        assert max(waits) - 1e-6 <= gpu.busy <= sum(waits) + 1e-6
        assert 2 * HELD <= gpu.used < gpu.capacity
        assert 0 < run.report().period.gpus[GPU] <= now.time


def test_clones_on_the_cpu_use_none():
    with line(source=tp.Source(range(3)), same=scaled(lambda x: x)).run() as run:
        list(run)
        assert {(clone.gpu, clone.memory) for clone in run.statistics()} == {(None, None)}
        assert run.statistics().gpus == ()


@pytest.mark.usefixtures("cluster")
def test_waits_and_memory_of_a_process_are_told():
    pytest.importorskip("ray")
    hold = scaled(Holds(), [tp.RayClone(num_gpus=1)])
    with line(source=tp.Source(range(5)), hold=hold).run() as run:
        list(run)
        (found,) = [clone for clone in run.statistics() if clone.path == "hold"]
        assert 0 < found.gpu <= found.busy
        assert found.memory >= HELD
