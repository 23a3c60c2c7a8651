"""The process that runs a pipeline is killed: no clone and no shared memory outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

from tests.conftest import ends

SCRIPT = """
import os, signal
import numpy as np, torchpipe as tp
from tests.ray.conftest import hosts
from tests.ray.made import Function, Same
with Function(Same(), [tp.RayClone(num_cpus=0.5)] * 2).run() as run:
    for array in run.map(np.zeros(100_000) for _ in range(20)):
        pass
    print(*hosts(), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_clones_end_with_the_process_that_runs_the_pipeline():
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT)], stdout=subprocess.PIPE, text=True
    )
    assert done.returncode == -signal.SIGKILL
    clones = [int(pid) for pid in done.stdout.split()]
    assert len(clones) == 2
    assert all(any(ends(pid) for _ in range(20)) for pid in clones)


def test_segments_have_no_names_that_could_be_left_behind():
    from torchpipe.engine.remote.segments import Pool

    pool = Pool()
    lease = pool.lease(2**20)
    assert lease is not None
    link = Path(f"/proc/self/fd/{lease.segment.file}").readlink()
    assert str(link) == "/memfd:torchpipe (deleted)"
    assert os.fstat(lease.segment.file).st_nlink == 0
    pool.clear()
