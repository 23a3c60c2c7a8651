"""The stall guard: it names who is stuck, and only while the consumer waits."""

from __future__ import annotations

import threading
import warnings

import pytest

import torchpipe as tp
from tests.engine.made import Add, Background, Made, Pass, line, open_line, scaled
from torchpipe.engine.context import Context
from torchpipe.engine.shared import Shared
from torchpipe.engine.stall import StallGuard
from torchpipe.errors import StallWarning
from torchpipe.testing import Gate


@pytest.fixture
def warned(monkeypatch):
    """What was warned of; a warning opens the gates in `warned.gates`."""

    class Warned(list):
        gates: list[Gate] = []

    found = Warned()

    def warn(text, category, stacklevel):
        assert category is StallWarning
        found.append(str(text))
        if ", item 2, is in this call" in text and "in hold\n" in text:
            for gate in found.gates:
                gate.open()

    monkeypatch.setattr(warnings, "warn", warn)
    return found


def passes(gate: Gate) -> Gate:
    """It stands in the way of item 2 only."""
    gate.open(0, 1, 3, 4, 5)
    return gate


@pytest.mark.parametrize("where", ["source", "head", "clone", "middle"])
def test_a_stuck_call_is_named_with_cell_clone_item_and_stack(where, warned):
    gate = passes(Gate())
    warned.gates = [gate]

    def source():
        for x in range(6):
            if where == "source":
                gate.hold(x)
            yield x

    cells = {
        "head": gate if where == "head" else Pass(),
        "clone": scaled(gate if where == "clone" else Add(), 1),
        "middle": gate if where == "middle" else Pass(),
        "last": scaled(Add()),
    }
    if where == "middle":
        cells["clone"] = scaled(lambda x: x, 1)
    with line(source=tp.cell(source), **cells).run(stall_after=0.0) as run:
        assert len(list(run)) == 6
    start = "nothing moved for 0.0 seconds while the consumer waited. cell "
    assert all(text.startswith(start) for text in warned if "is in this call" in text)
    named = f"cell {where!r} (clone 0 on cpu), item 2, is in this call:\n  File "
    assert any(named in text and "in hold\n" in text for text in warned)


def test_a_stuck_call_within_a_scaled_pipeline_is_named(warned):
    gate = passes(Gate())
    warned.gates = [gate]
    inner = scaled(open_line(add=tp.cell(lambda x: x), gate=gate), 1)
    with line(source=tp.Source(range(6)), inner=inner).run(stall_after=0.0) as run:
        assert list(run) == list(range(6))
    assert any(
        "cell 'inner' (clone 0 on cpu), item 2" in text and "in hold" in text for text in warned
    )


def test_a_stuck_call_in_the_region_above_is_named(warned):
    gate = passes(Gate())
    warned.gates = [gate]
    cells = {"gate": scaled(gate, 1), "spread": tp.Unbatch(lambda x: [x]), "last": scaled(Add())}
    with line(source=tp.Source(range(6)), **cells).run(stall_after=0.0) as run:
        assert len(list(run)) == 6
    assert any("cell 'gate' (clone 0 on cpu), item 2" in text for text in warned)


def test_a_stuck_call_beside_the_way_is_named_when_the_stream_ends(warned):
    gate = passes(Gate())
    warned.gates = [gate]

    def build(self):
        x = self.source()
        self.last(self.gate(self.spread(x)))
        return x

    cells = {"spread": tp.Unbatch(lambda x: [x]), "gate": scaled(gate, 1), "last": Pass()}
    with Made(build, source=tp.Source(range(6)), **cells).run(stall_after=0.0) as run:
        assert list(run) == list(range(6))
    assert any("cell 'gate' (clone 0 on cpu), item 2" in text for text in warned)


@pytest.mark.parametrize("regions", [1, 2])
def test_a_consumer_that_does_not_ask_trips_nothing(regions, warned):
    gate = Gate()
    gate.open(0)
    cells = {"clone": scaled(lambda x: x)}
    if regions == 2:
        cells |= {"spread": tp.Unbatch(lambda x: [x]), "clone_2": scaled(lambda x: x)}

    def source():
        for x in range(4):
            gate.hold(x)
            yield x

    with line(source=tp.cell(source), **cells).run(stall_after=0.0) as run:
        results = iter(run)
        assert next(results) == 0
        warned.clear()
        gate.wait_until_inside(1)
        settle()
        assert warned == []  # although nothing moves, and nobody has any patience
        gate.open()
        assert list(results) == [1, 2, 3]


def settle() -> None:
    """Let all other threads run until they wait: a turn for each, several times."""
    for _ in range(10):
        threading.Event().wait(0.001)


def test_progress_is_no_stall(warned):
    context = Context(Shared(0), tp.ThreadClone())
    guard = StallGuard([context], 1.0)
    for _ in range(3):
        guard.look()
        context.number += 1
    assert warned == []
    guard.look()
    guard.look()
    text = "nothing moved for 1.0 seconds while the consumer waited. No cell is in a call."
    assert warned == [text]


def test_without_a_limit_nobody_looks():
    assert StallGuard([], None).timeout == -1
    gate = Gate()
    with line(source=tp.Source(range(2)), gate=scaled(gate)).run(stall_after=None) as run:
        consumer = Background(list, run)
        gate.wait_until_inside(0, 1)
        gate.open()
        assert consumer.result() == [0, 1]


def test_where_warnings_are_errors_a_stall_ends_the_run():
    gate = Gate()
    run = line(source=tp.Source(range(2)), gate=scaled(gate, 1)).run(stall_after=0.0)
    results = iter(run)
    gate.wait_until_inside(0)
    run._core.stop_after = 0.0
    with pytest.raises(StallWarning, match="cell 'gate'"):
        next(results)
    run._core.stop_after = 10.0
    gate.open()
    run.stop()
