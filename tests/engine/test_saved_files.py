"""The file of a saved run: it is whole or not there, and checked before anything changes."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import torchpipe as tp
from tests.engine.made import Made, line, open_line, scaled
from torchpipe.engine.saving import checkpoint
from torchpipe.errors import StateError, Stopped


class Total(tp.Cell):
    stateful = True
    scale = tp.Parameter(1, ge=0)

    def reset(self):
        self.total = 0

    def forward(self, x):
        self.total += self.scale * x
        return self.total

    def state_dict(self):
        return {"total": self.total}

    def load_state_dict(self, state):
        self.total = state["total"]


class Other(Total):
    pass


def totals(**cells: tp.Cell) -> Made:
    given = cells or {"total": Total(), "same": scaled(lambda x: x)}
    return line(source=tp.Source(range(6)), **given)


@pytest.fixture
def saved(tmp_path) -> Path:
    """The file of a run that was saved after two of six results."""
    with totals().run() as run:
        assert [run.pull(), run.pull()] == [0, 1]
        run.save(tmp_path / "run")
    return tmp_path / "run"


def refused(path: Any, pipeline: Made | None = None, **options: Any) -> str:
    """What is told about a file; nothing has changed."""
    with (pipeline or totals()).run(**options) as run:
        first = run.pull()
        with pytest.raises(StateError) as caught:
            run.load(path)
        assert [first, *run] == [0, 1, 3, 6, 10, 15]
    return str(caught.value)


# -- the file


def test_it_is_read_with_weights_only(saved):
    state = torch.load(saved, weights_only=True)
    assert (state["format"], state["version"], state["seed"]) == ("torchpipe run", 1, 0)
    assert state["position"] == [0, 2, 2]
    assert state["cells"]["total"]["kind"] == "Total"
    assert state["parameters"] == {"total": {"scale": 1}}


def test_another_process_goes_on(saved, tmp_path):
    program = f"""
        import torchpipe as tp
        from tests.engine.test_saved_files import totals
        with totals().run() as run:
            run.load({str(saved)!r})
            print(*run)
            run.save({str(tmp_path / "again")!r})
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root}
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, env=environment)
    assert (done.stdout, done.stderr) == ("3 6 10 15\n", "")
    with totals().run() as run:
        run.load(tmp_path / "again")
        assert run.position == (1, 0, 0)


def test_a_run_loads_torch_only_when_it_is_saved():
    program = """
        import sys, tempfile
        import torchpipe as tp
        from torchpipe.engine.saving import cut
        cut.SHARE = 0
        class Sums(tp.Pipeline):
            def __init__(self):
                self.source, self.delay = tp.Source(range(9)), tp.Delay(2)
                self.same = tp.ScaleUp(tp.cell(abs), 2)
            def build(self):
                return self.same(self.delay(self.source()))
        with Sums().run(window=2) as run:
            assert list(run) == [0, 0, 0, 1, 2, 3, 4, 5, 6]
            print("torch" in sys.modules)
            run.state_dict()
    """
    command = [sys.executable, "-c", textwrap.dedent(program)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50)
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_a_file_is_replaced_as_a_whole(saved, monkeypatch):
    before = saved.read_bytes()

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with totals().run() as run:
        run.pull()
        with monkeypatch.context() as patch:
            patch.setattr(checkpoint.os, "fsync", full)
            with pytest.raises(OSError, match="No space left"):
                run.save(saved)
        assert saved.read_bytes() == before
        assert [path.name for path in saved.parent.iterdir()] == ["run"]
        run.save(str(saved))
        assert list(run) == [1, 3, 6, 10, 15]
    assert saved.read_bytes() != before
    assert [path.name for path in saved.parent.iterdir()] == ["run"]


def test_a_folder_that_is_not_there(tmp_path):
    with totals().run() as run:
        for call in (run.save, run.load):
            with pytest.raises(FileNotFoundError):
                call(tmp_path / "none" / "run")
        assert len(list(run)) == 6


def test_what_is_no_saved_run(saved, tmp_path):
    other = tmp_path / "other"
    torch.save({"format": "torchpipe run"}, other)
    text = "it is no saved run, or only its beginning. Give a file that run.save wrote."
    assert refused(other) == f"cannot load {other}: {text}"
    for size in (0, 1, saved.stat().st_size - 1):
        other.write_bytes(saved.read_bytes()[:size])
        assert refused(other) == f"cannot load {other}: {text}"


def test_a_damaged_file(saved):
    data = bytearray(saved.read_bytes())
    data[len(data) // 2] ^= 1
    saved.write_bytes(data)
    text = "it is damaged, its checksum does not fit. Load an older one."
    assert refused(saved) == f"cannot load {saved}: {text}"


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_damage_is_noticed(tmp_path_factory, data):
    path = tmp_path_factory.getbasetemp() / "damaged"
    checkpoint.write(path, {"a": torch.arange(100), "b": "text"})
    whole = path.read_bytes()
    changed = bytearray(whole)
    for place in data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=3)):
        changed[place] = data.draw(st.integers(0, 255))
    cut = bytes(changed[: data.draw(st.integers(0, len(whole)))])
    path.write_bytes(cut)
    if cut == whole:
        assert checkpoint.read(path)["b"] == "text"
    else:
        with pytest.raises(StateError):
            checkpoint.read(path)


# -- the state


def changed(saved: Path, **changes: Any) -> Path:
    """The file with some things in it changed."""
    state = torch.load(saved, weights_only=True)
    checkpoint.write(saved, state | changes)
    return saved


def test_something_else_in_such_a_file(saved):
    checkpoint.write(saved, {"a": 1})
    text = "it is no state of a run. Give what run.save or run.state_dict made."
    assert refused(saved) == f"cannot load {saved}: {text}"
    with totals().run() as run, pytest.raises(StateError, match="cannot load this state: it is no"):
        run.load_state_dict([])  # type: ignore[arg-type]


def test_another_version(saved):
    assert refused(changed(saved, version=0)) == (
        f"cannot load {saved}: it has version 0, and this torchpipe reads version 1. Load it with "
        f"the torchpipe that saved it."
    )


def test_another_seed(saved):
    assert refused(saved, seed=7) == (
        f"cannot load {saved}: it has seed 0, and this run has seed 7. Start the run with "
        f"run(seed=0)."
    )


def test_other_cells(saved):
    same = scaled(lambda x: x)
    text = f"cannot load {saved}: it is of another pipeline. "
    fix = "Load it into a pipeline with the same stateful cells."
    assert refused(saved, totals(sum=Total(), same=same)) == (
        f"{text}It has total (Total), and this one has sum (Total). {fix}"
    )
    assert refused(saved, totals(total=Other())) == (
        f"{text}It has total (Total), and this one has total (Other). {fix}"
    )
    two = totals(total=Total(), batch=tp.Batch(1), split=tp.Unbatch())
    assert refused(saved, two) == (
        f"{text}It has nothing that the other has not, and this one has batch (starts a region), "
        f"split (starts a region). {fix}"
    )


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"total": {"scale": -1}}, "total.scale to -1, but it must be at least 0"),
        ({"total": {"scale": "a"}}, "total.scale to 'a', but an int is expected"),
        ({"total": {"size": 1}}, "total.size to 1, but there is no such parameter"),
        ({"sum": {"scale": 1}}, "sum.scale to 1, but there is no such parameter"),
    ],
)
def test_other_parameters(saved, parameters, problem):
    text = f"cannot load {saved}: it sets {problem}. Use the code of then."
    assert refused(changed(saved, parameters=parameters)) == text


def test_a_class_that_is_not_there(saved):
    state = torch.load(saved, weights_only=True)
    state["cells"]["total"]["state"]["total"] = {
        "torchpipe kind": "record",
        "type": "boxes:Box",
        "items": [],
    }
    assert refused(changed(saved, cells=state["cells"])) == (
        f"cannot load {saved}: it holds a Box of boxes, which is not there, or has other fields "
        f"now. Import it first, as it was."
    )


def test_a_cell_that_does_not_take_its_state_ends_the_run(saved):
    class Total(tp.Cell):
        stateful = True

        def forward(self, x):
            return x

        def state_dict(self):
            return {}

        def load_state_dict(self, state):
            raise KeyError("weight")

    Total.__qualname__ = "Total"
    pipeline = totals(total=Total())
    with pipeline.run() as run:
        run.pull()
        with pytest.raises(KeyError) as caught:
            run.load(changed(saved, parameters={}))
        text = "in the load_state_dict of cell 'total' (clone 0 on cpu)"
        assert caught.value.__notes__ == [text]
        with pytest.raises(Stopped):
            run.pull()


def test_a_state_is_loaded_twice():
    with totals().run() as run, totals().run() as other:
        run.pull()
        state = run.state_dict()
        for _ in range(2):
            other.load_state_dict(state)
            assert list(other) == [1, 3, 6, 10, 15]


# -- what cannot be saved


class Silent(tp.Cell):
    stateful = True

    def forward(self, x):
        return x


class Odd(Silent):
    def __init__(self, value):
        self.value = value

    def state_dict(self):
        if isinstance(self.value, Exception):
            raise self.value
        return {"value": self.value}

    def load_state_dict(self, state):
        self.value = state["value"]


class Deaf(Silent):
    def state_dict(self):
        return {"count": 3}


def endless() -> list[Any]:
    items: list[Any] = []
    items.append(items)
    return items


ALLOWED = (
    "Return plain numbers and text, arrays and tensors, and lists, tuples, dicts, named tuples and "
    "dataclasses of them."
)
CASES = [
    (
        Silent,
        "Silent is stateful, and does not say what it remembers. Define state_dict and "
        "load_state_dict in it; return {} if nothing it remembers changes a result.",
    ),
    (
        Deaf,
        "Deaf defines state_dict and no load_state_dict, so what it remembers would be lost. "
        "Define load_state_dict in it; or let state_dict return {}.",
    ),
    (lambda: Odd([1, deque()]), f"its state['value'][1] is of type deque. {ALLOWED}"),
    (lambda: Odd(endless()), f"its state holds itself. {ALLOWED}"),
]


@pytest.mark.parametrize(("cell", "text"), CASES, ids=["silent", "deaf", "type", "endless"])
@pytest.mark.parametrize("place", ["head", "clone", "tail", "source"])
def test_a_cell_that_cannot_be_saved(cell, text, place, tmp_path):
    cells = {"same": scaled(lambda x: x)}
    if place == "head":
        cells = {"cell": cell(), **cells}
    elif place == "clone":
        cells["cell"] = scaled(cell(), 1)
    elif place == "tail":
        cells["cell"] = cell()
    source: tp.Cell = tp.Source(range(3))
    if place == "source":
        source = cell()
        source.forward = numbers  # type: ignore[method-assign]
    path = "source" if place == "source" else "cell"
    with line(source=source, **cells).run() as run:
        run.pull()
        with pytest.raises(StateError) as caught:
            run.save(tmp_path / "run")
        assert str(caught.value) == f"cannot save {path}: {text}"
        assert list(run) == [1, 2]  # and the run goes on
    assert list(tmp_path.iterdir()) == []


def numbers() -> Iterator[int]:
    yield from range(3)


@pytest.mark.parametrize("ahead", [False, True])
def test_a_state_dict_that_raises(ahead):
    error = OSError("gone")
    cells = {"odd": Odd(error), "same": scaled(lambda x: x)}
    names = ["odd", "same"] if ahead else ["same", "odd"]
    with line(source=tp.Source(range(3)), **{name: cells[name] for name in names}).run() as run:
        run.pull()
        with pytest.raises(OSError, match="gone") as caught:
            run.state_dict()
        assert caught.value is error
        assert set(caught.value.__notes__) == {"in the state_dict of cell 'odd'"}
        assert list(run) == [1, 2]


def test_a_parameter_that_cannot_be_saved():
    class Holds(tp.Cell):
        value = tp.Parameter(None)

        def forward(self, x):
            return x

    holds = Holds()
    holds.value = [deque()]
    with line(source=tp.Source(range(3)), holds=holds).run() as run:
        with pytest.raises(StateError) as caught:
            run.state_dict()
        text = f"cannot save holds.value[0]: it is of type deque. {ALLOWED}"
        assert str(caught.value) == text


def test_what_a_start_has_given_and_cannot_be_saved():
    class Twice(Total):
        def forward(self, x):
            yield deque([x])
            yield deque([x])

    with line(source=tp.Source(range(3)), twice=Twice(), last=tp.cell(len)).run() as run:
        run.pull()
        with pytest.raises(StateError) as caught:
            run.state_dict()
        text = f"cannot save what twice has given[0]: it is of type deque. {ALLOWED}"
        assert str(caught.value) == text
        assert len(list(run)) == 5


def test_where_no_file_can_be_saved_is_told_by_the_path_that_was_given(tmp_path):
    with open_line(same=tp.cell(lambda x: x)).run() as run:
        with pytest.raises(IsADirectoryError, match=r"this is a folder, .*: '.'$"):
            run.save(".")
        with pytest.raises(FileNotFoundError, match=r"no such folder .*/nodir/x'$"):
            run.save(tmp_path / "nodir" / "x")
