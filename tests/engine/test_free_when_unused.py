"""Guarantee 8: what is not used costs nothing."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest

import torchpipe as tp
from tests.engine.made import Add, Made, Odd, Total, line, open_line


class Where(tp.Cell):
    """Notes the thread of each call."""

    def __init__(self, seen: set[str]):
        self.seen = seen

    def _note(self) -> None:
        self.seen.add(threading.current_thread().name)

    def setup(self, clone):
        self._note()

    def reset(self):
        self._note()

    def teardown(self):
        self._note()

    def forward(self, x):
        self._note()
        return x

    def __deepcopy__(self, memo):
        raise AssertionError("copied deeply")


def everything(seen: set[str]) -> Made:
    """All kinds of cells, none of them scaled up."""

    def build(self):
        x = self.where(self.source())
        y = self.add_up(x, self.before())
        self.before.connect(y)
        self.side(self.aside(y))
        return self.total(self.last(self.spread(self.odd(y))))

    return Made(
        build,
        source=tp.Source(range(10)),
        where=Where(seen),
        before=tp.Feedback(0),
        add_up=tp.cell(lambda x, before: x + before),
        aside=tp.Batch(3),
        side=Where(seen),
        odd=Odd(),
        spread=tp.Unbatch(lambda x: [x, x]),
        last=Where(seen),
        total=Total(),
    )


def test_without_scaled_cells_all_runs_in_the_callers_thread():
    seen, threads = set(), threading.active_count()
    with everything(seen).run() as run:
        expected = [1, 2, 5, 8, 23, 38, 59, 80, 125, 170]
        assert list(run) == list(run) == expected
        assert threading.active_count() == threads
        assert run._core.threads == run._core.rings == []
    assert seen == {threading.current_thread().name}


def test_without_scaled_cells_submitted_items_run_in_the_callers_thread():
    seen, threads = set(), threading.active_count()
    with open_line(where=Where(seen), add=Add()).run() as run:
        future = run.submit(1)
        assert future.done()
        assert [run(2), *run.map([3, 4])] == [3, 4, 5]
        assert threading.active_count() == threads
    assert seen == {threading.current_thread().name}


def test_only_regions_with_scaled_cells_have_threads():
    cells = {"add": Add(), "spread": tp.Unbatch(lambda x: [x]), "last": tp.ScaleUp(Add(), clones=1)}
    with line(source=tp.Source(range(3)), **cells).run() as run:
        names = [stage.thread.name for stage in run._core.threads]
        assert names == ["torchpipe source", "torchpipe last[0]"]
        assert list(run) == [2, 3, 4]


HEAVY = {"torch", "ray", "lightning", "fastapi", "starlette", "uvicorn", "numpy", "asyncio"}


@pytest.mark.parametrize(
    "program",
    [
        "import torchpipe",
        "import torchpipe.engine.run, torchpipe.graph.pipeline",
        "import torchpipe as tp\n"
        "class P(tp.Pipeline):\n"
        "    def __init__(self):\n"
        "        self.add = tp.ScaleUp(tp.cell(lambda x: x + 1), clones=2)\n"
        "    def build(self, x):\n"
        "        return self.add(x)\n"
        "with P().run() as run:\n"
        "    assert run(1) == 2",
    ],
    ids=["import", "engine", "run"],
)
def test_nothing_heavy_is_imported(program):
    program += f"\nimport sys\nprint(sorted(set(sys.modules) & {HEAVY!r}))"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30
    )
    assert (done.stdout, done.stderr) == ("[]\n", "")
