"""Cases 1 and 10: clones that die, fail to start, or give what cannot be sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import torchpipe as tp
from tests.engine.made import line, notes, open_line
from tests.stress import made
from tests.stress.figures import Figures
from tests.stress.kinds import RAY, Kind, each, elsewhere
from torchpipe.errors import CloneLost

pytestmark = [pytest.mark.stress, pytest.mark.timeout(300)]


def through(cell: tp.Cell, clones: list[tp.Clone], count: int = 100) -> tp.Pipeline:
    return line(source=made.Numbers(count), cell=tp.ScaleUp(cell, clones))


@pytest.fixture
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[made.Told]:
    """What a process tells before it dies, or fails."""
    with made.Told(tmp_path_factory.mktemp("told") / "pipe") as told:
        yield told


# -- case 1: one worker dies mid-item


@elsewhere
@pytest.mark.parametrize("death", made.DEATHS)
def test_01_a_process_that_dies_is_replaced_and_its_items_run_again(
    kind: Kind, death: Any, figures: Figures, tmp_path: Path, told: made.Told
):
    """A thread cannot be killed alone: what ends a call there is in the next test."""
    cell = made.Mortal(death, tmp_path, told, 20, 60)
    with through(cell, kind(2)).run() as run:
        for _ in range(2):
            figures.equal(range(100), run)
    figures.faults += len(list(tmp_path.iterdir()))
    assert 1 <= figures.faults <= 4


@each
@pytest.mark.parametrize(
    ("end", "error"),
    [(made.exit_quietly, SystemExit), (made.ask_for_too_much, MemoryError)],
)
def test_01_what_ends_a_call_is_raised_in_its_place(
    kind: Kind, end: Any, error: type[BaseException], figures: Figures
):
    given: list[int] = []
    with (
        pytest.raises(error) as caught,
        through(made.Ends(30, end), kind(3)).run() as run,
    ):
        given.extend(figures.watch(run))
    figures.faults += 1
    figures.compare(range(30), given)
    assert any("in cell 'cell'" in note and "item 30" in note for note in notes(caught.value))


@elsewhere
def test_01_a_stateful_clone_that_dies_raises(
    kind: Kind, figures: Figures, tmp_path: Path, told: made.Told
):
    class Stateful(made.Mortal):
        stateful = True

    given: list[int] = []
    cell = Stateful(made.kill, tmp_path, told, 30, 31)
    with (
        pytest.raises(CloneLost, match="a stateful clone was lost while cell worked on"),
        through(cell, kind(1)).run() as run,
    ):
        given.extend(figures.watch(run))
    figures.faults += 1
    figures.compare(range(len(given)), given)


# -- case 10: mixed clones, setup, what cannot be sent, death at the end


@each
def test_10_a_setup_that_fails_is_raised_at_the_start(kind: Kind, figures: Figures):
    cell = made.FailsToStart(everywhere=RAY not in kind(2))
    with pytest.raises(OSError, match="no weights here") as caught:
        through(cell, kind(2)).run()
    figures.faults += 1
    assert any("in the setup of cell 'cell'" in note for note in notes(caught.value))


def fails_oddly() -> None:
    raise made.Unpicklable("it had to")


@elsewhere
@pytest.mark.parametrize(
    ("does", "error"), [(threading.Lock, TypeError), (fails_oddly, made.Unpicklable)]
)
def test_10_what_cannot_be_sent_is_the_error_of_its_item_alone(
    kind: Kind, does: Any, error: type[Exception], figures: Figures, told: made.Told
):
    """Between threads nothing is sent: any result and any error is passed as it is."""
    cell = tp.ScaleUp(made.Elsewhere(does, told), kind(2))
    with open_line(cell=cell).run(window=8) as run:
        futures = [run.submit(number) for number in range(200)]
        found = [future.exception() or future.result() for future in futures]
    failed = [value for value in found if isinstance(value, error)]
    figures.items += len(found)
    figures.faults += len(failed)
    figures.compare(
        [number for number in range(200) if not isinstance(found[number], error)],
        [value for value in found if not isinstance(value, error)],
    )
    assert failed
    assert all("in cell 'cell' (Ray clone" in notes(value)[0] for value in failed)


@elsewhere
def test_10_a_clone_that_dies_at_the_end_takes_no_result_with_it(kind: Kind, figures: Figures):
    """A thread cannot die while it is torn down; an error there is in `test_clean_exit`."""
    with through(made.DiesAtTheEnd(), kind(2)).run() as run:
        figures.equal(range(100), run)
    figures.faults += kind(2).count(RAY)


@elsewhere
def test_10_a_stateful_clone_that_dies_at_the_end_raises(kind: Kind, figures: Figures):
    run = through(made.KeeperDies(), kind(1)).run()
    figures.equal(range(100), run)
    with pytest.raises(CloneLost, match="lost while cell was torn down"):
        run.stop()
    figures.faults += 1
