"""The state that torch keeps for each thread is that of whoever starts the run."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import pytest
import torch

import torchpipe as tp
from tests.engine.made import consume, line, open_line, scaled
from torchpipe.engine.torch_state import TorchState, tensors_in


class Reports(tp.Cell):
    """Gives the state of torch in its thread."""

    def setup(self, clone):
        self.at_setup = torch.is_grad_enabled()

    def forward(self, x):
        autocast = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else None
        return (
            self.at_setup,
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            autocast,
        )


STATES = {
    "plain": (nullcontext, (True, True, False, None)),
    "no grad": (torch.no_grad, (False, False, False, None)),
    "inference": (torch.inference_mode, (False, False, True, None)),
    "autocast": (
        lambda: torch.autocast("cpu", torch.bfloat16),
        (True, True, False, torch.bfloat16),
    ),
}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("clones", [None, 2])
def test_all_threads_have_the_state_of_the_caller(state, clones):
    context, expected = STATES[state]
    cell = Reports() if clones is None else scaled(Reports(), clones)
    with context():
        assert consume(line(source=tp.Source(range(3)), cell=cell)) == [expected] * 3


@pytest.mark.parametrize("count", [None, 1, 2])
def test_the_number_of_threads_of_a_clone(count):
    outside = torch.get_num_threads()
    clones = [tp.ThreadClone(torch_threads=count)]
    with open_line(cell=scaled(lambda x: torch.get_num_threads(), clones)).run() as run:
        assert run(0) == (count or outside)


def test_where_nobody_uses_torch_nothing_is_set(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    state = TorchState()
    assert not state.known
    with state.apply(tp.ThreadClone()) as stack:
        assert stack is not None


def test_on_another_device_nothing_more_is_set_where_nobody_used_torch(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    state = TorchState()
    monkeypatch.setitem(sys.modules, "torch", torch)
    monkeypatch.delattr(torch, "set_num_threads")
    with state.apply(tp.ThreadClone(device="meta")) as stack:
        assert stack is not None


def test_threads_are_set_although_nobody_used_torch_before(monkeypatch):
    monkeypatch.delitem(sys.modules, "torch")
    state = TorchState()
    monkeypatch.setitem(sys.modules, "torch", torch)
    called = []
    monkeypatch.setattr(torch, "set_num_threads", called.append)
    with state.apply(tp.ThreadClone(torch_threads=3)):
        assert called == [3]


@pytest.fixture
def cuda_calls(monkeypatch) -> list[str]:
    """What is asked of CUDA, on a machine that seems to have four GPUs."""
    calls: list[str] = []

    class Stream:
        cuda_stream = 7

        def __init__(self, device):
            self.name = f"stream of {device}"

        def wait_stream(self, other):
            calls.append(f"{self.name} waits for {other}")

        def synchronize(self):
            calls.append(f"{self.name} is done")

    @contextmanager
    def entered(what):
        calls.append(f"on {what if isinstance(what, str) else what.name}")
        yield

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "Stream", Stream)
    monkeypatch.setattr(torch.cuda, "device", entered)
    monkeypatch.setattr(torch.cuda, "stream", entered)
    monkeypatch.setattr(torch.cuda, "current_stream", Stream)
    monkeypatch.setattr(torch.cuda, "default_stream", lambda device: f"the default of {device}")
    return calls


def test_a_clone_on_a_gpu_has_a_stream_and_waits_for_it(cuda_calls):
    def work(x):
        cuda_calls.append("work")
        return x

    with open_line(work=scaled(work, [tp.ThreadClone(device="cuda:3")])).run() as run:
        assert run(1) == 1
    assert cuda_calls == [
        "on cuda:3",
        "on stream of cuda:3",
        "stream of cuda:3 waits for the default of cuda:3",
        "work",
        "stream of cuda:3 is done",
    ]


def test_the_tensors_of_a_result_are_found_wherever_they_are():
    @dataclass(frozen=True)
    class Found:
        boxes: torch.Tensor
        name: str
        more: list[torch.Tensor]

    one, two, three, four = map(torch.tensor, range(4))
    result = (one, {"found": Found(two, "a", [three, four])}, "text", Found, None)
    assert [int(tensor) for tensor in tensors_in(result)] == [0, 1, 2, 3]
    assert list(tensors_in("text")) == []


def test_a_device_that_does_not_work_is_an_error(monkeypatch):
    def missing(device):
        raise RuntimeError(f"no {device}")

    monkeypatch.setattr(torch.cuda, "device_count", lambda: 10)
    monkeypatch.setattr(torch.cuda, "device", missing)
    clones = [tp.ThreadClone(), tp.ThreadClone(device="cuda:9")]
    with pytest.raises(RuntimeError, match="no cuda:9"):
        line(source=tp.Source([1]), cell=scaled(lambda x: x, clones)).run()
    with open_line(cell=scaled(lambda x: x, 1)).run() as run:
        with pytest.raises(RuntimeError, match="no cuda:9"):
            run.scale("cell", clones)
        assert run(1) == 1
