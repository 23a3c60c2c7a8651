"""What cells remember on a GPU is saved, and is there again when a run goes on."""

from __future__ import annotations

import torch

import torchpipe as tp
from torchpipe.engine.saving import cut


class Blur(tp.Cell):
    """Mixes each item with those before, on its device."""

    stateful = True

    def setup(self, clone: tp.Clone) -> None:
        self.device = clone.device

    def reset(self) -> None:
        self.mean = torch.zeros(64, device=self.device)

    def forward(self, x: int) -> float:
        self.mean = 0.9 * self.mean + torch.full_like(self.mean, x)
        return float(self.mean.sum())

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"mean": self.mean}

    def load_state_dict(self, state: dict[str, torch.Tensor]) -> None:
        assert state["mean"].device == torch.device(self.device)
        self.mean = state["mean"]


class Blurred(tp.Pipeline):
    """The delay runs ahead, too: it holds tensors on the GPU."""

    def __init__(self) -> None:
        self.source = tp.Source(range(9))
        self.there = tp.cell(lambda x: torch.tensor(float(x), device="cuda:0"))
        self.delay = tp.Delay(2)
        self.blur = tp.ScaleUp(Blur(), [tp.ThreadClone(device="cuda:0")])
        self.here = tp.cell(float)

    def build(self):
        x = self.source()
        return self.blur(x), self.here(self.delay(self.there(x)))


def test_a_run_with_tensors_on_a_gpu_goes_on(tmp_path, monkeypatch):
    monkeypatch.setattr(cut, "SHARE", 0)
    with Blurred().run() as run:
        whole = list(run)
    for count in range(len(whole) + 1):
        with Blurred().run(window=2) as run:
            assert [run.pull() for _ in range(count)] == whole[:count]
            run.save(tmp_path / "run")
        with Blurred().run() as run:
            run.load(tmp_path / "run")
            assert list(run) == whole[count:]
