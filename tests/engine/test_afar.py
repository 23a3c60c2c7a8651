"""Calls in another process, told by the clock of this one."""

from __future__ import annotations

import pytest

import torchpipe as tp
from torchpipe.engine.context import Context
from torchpipe.engine.remote.afar import Afar
from torchpipe.engine.remote.work import Report
from torchpipe.engine.shared import Shared
from torchpipe.engine.telemetry.recording import Track


class Told:
    """Calls that were told."""

    def __init__(self):
        self.calls = []

    def called(self, called):
        self.calls.append(called)


def afar():
    """A clone elsewhere, and who records it."""
    shared, told = Shared(0), Told()
    shared.recordings = (told,)
    context = Context(shared, tp.RayClone(), Track("add[0]", "", tp.RayClone()))
    return Afar(context, "add"), told


def tell(clone, monkeypatch, sent, received, began, ended):
    monkeypatch.setattr("torchpipe.engine.remote.afar.perf_counter", lambda: received)
    clone.tell([], Report([], calls=[((0,), began, ended)]), sent)


def test_the_clock_of_the_same_machine_is_left_alone(monkeypatch):
    clone, told = afar()
    tell(clone, monkeypatch, 10.0, 11.0, 10.2, 10.9)
    assert told.calls[0][-2:] == (10.2, 10.9)


@pytest.mark.parametrize("ahead", [-5000.0, -0.3, 0.3, 5000.0])
def test_the_clock_of_another_machine_is_corrected_more_and_more_closely(ahead, monkeypatch):
    clone, told = afar()
    for number, (there, back) in enumerate([(0.4, 0.1), (0.01, 0.3), (0.2, 0.01), (0.1, 0.1)]):
        sent = 10.0 * number
        began = sent + there
        tell(clone, monkeypatch, sent, began + 1 + back, began + ahead, began + 1 + ahead)
        call = told.calls[-1]
        assert sent <= call.began <= call.ended <= began + 1 + back + 1e-6
        assert call.ended - call.began == pytest.approx(1)
    assert clone.ahead == pytest.approx(ahead, abs=0.0101)


def test_a_correction_never_puts_one_call_into_another(monkeypatch):
    clone, told = afar()
    tell(clone, monkeypatch, 0.0, 1.0, 0.1, 0.9)
    tell(clone, monkeypatch, 0.5, 1.5, 1.0, 1.9)  # the clock has jumped ahead, by 0.4 at least
    assert told.calls[0].ended <= told.calls[1].began
