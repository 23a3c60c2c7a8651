"""A training in plain PyTorch, which any difference in its samples would change."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from torchpipe.train import Feed

EPOCHS = 2


class Training:
    """A network, its optimizer, and a feed: all that a checkpoint holds.

    Attributes:
        checkpoints: What was saved after each step.
    """

    def __init__(self, feed: Feed, saved: dict[str, Any] | None = None):
        self.feed = feed
        self.net = torch.nn.Sequential(
            torch.nn.Linear(2, 8), torch.nn.Tanh(), torch.nn.Linear(8, 1)
        )
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for weight in self.net.parameters():
                weight.uniform_(-1.0, 1.0, generator=generator)
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=0.05)
        self.checkpoints: list[dict[str, Any]] = []
        for name in saved or {}:
            getattr(self, name).load_state_dict(saved[name])

    def run(self) -> list[Tensor]:
        """Train up to the last epoch; return the weights."""
        with self.feed as feed:
            while feed.epoch < EPOCHS:
                for batch in feed:
                    self.optimizer.zero_grad()
                    self.net(batch[:, :2]).square().mean().backward()
                    self.optimizer.step()
                    self.checkpoints.append(self.saved())
        return [weight.detach() for weight in self.net.parameters()]

    def saved(self) -> dict[str, Any]:
        """A checkpoint, as it would be on a disk."""
        names = ("feed", "net", "optimizer")
        states = {name: getattr(self, name).state_dict() for name in names}
        return {name: copied(state) for name, state in states.items()}


def copied(state: Any) -> Any:
    """A state that the training does not change any more."""
    if isinstance(state, dict):
        return {key: copied(value) for key, value in state.items()}
    if isinstance(state, list):
        return [copied(value) for value in state]
    return state.clone() if isinstance(state, Tensor) else state
