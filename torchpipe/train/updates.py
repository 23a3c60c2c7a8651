"""`Updates`: how a loss changes the weights: one optimizer, and what belongs to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler


class Schedule(NamedTuple):
    """A scheduler, and when it takes a step: after so many updates, or so many epochs."""

    scheduler: LRScheduler
    interval: Literal["step", "epoch"] = "step"
    frequency: int = 1


class Updates:
    """Updates weights from losses, and knows how often it did.

    Args:
        optimizer: What updates them.
        schedules: What changes the optimizer's learning rates.
        scaler: Scales losses, so that the gradients of float16 do not vanish; disabled, it does
            nothing.

    Attributes:
        steps: The number of updates so far.
        epochs: The number of epochs that ended.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedules: Sequence[Schedule],
        scaler: torch.amp.GradScaler,
    ):
        self.optimizer, self.schedules, self.scaler = optimizer, list(schedules), scaler
        self.steps = self.epochs = 0

    @property
    def parameters(self) -> list[nn.Parameter]:
        """What the optimizer updates."""
        return [weight for group in self.optimizer.param_groups for weight in group["params"]]

    def update(
        self,
        loss: Tensor,
        learning_rate: float | None = None,
        max_norm: float | None = None,
        ready: Callable[[Optimizer], object] = lambda optimizer: None,
    ) -> None:
        """Take one step against the gradients of the loss.

        Args:
            loss: A scalar with a graph.
            learning_rate: Used in this step instead of the optimizer's own.
            max_norm: The gradients are scaled down so that their norm does not exceed this.
            ready: Called when the gradients are there, before they are clipped and used.
        """
        self.optimizer.zero_grad()
        torch.autograd.backward(self.scaler.scale(loss))
        self.scaler.unscale_(self.optimizer)
        ready(self.optimizer)
        if max_norm is not None:
            nn.utils.clip_grad_norm_(self.parameters, max_norm)
        with at_rate(self.optimizer, learning_rate):
            self.scaler.step(self.optimizer)
        self.scaler.update()
        self.steps += 1
        self._follow("step", self.steps)

    def end_epoch(self) -> None:
        """Count an epoch."""
        self.epochs += 1
        self._follow("epoch", self.epochs)

    def _follow(self, interval: str, count: int) -> None:
        for schedule in self.schedules:
            if schedule.interval == interval and count % schedule.frequency == 0:
                schedule.scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        """All that the next updates depend on, but for the weights; shared with what is here."""
        return {
            "steps": self.steps,
            "epochs": self.epochs,
            "optimizer": self.optimizer.state_dict(),
            "schedules": [schedule.scheduler.state_dict() for schedule in self.schedules],
            "scaler": self.scaler.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was called; what it gave is copied."""
        self.optimizer.load_state_dict(state["optimizer"])
        for schedule, saved in zip(self.schedules, state["schedules"], strict=True):
            schedule.scheduler.load_state_dict(saved)
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        self.steps, self.epochs = state["steps"], state["epochs"]


@contextmanager
def at_rate(optimizer: Optimizer, learning_rate: float | None) -> Iterator[None]:
    """Let the optimizer use another learning rate for a while; its schedules do not see it."""
    if learning_rate is None:
        yield
        return
    own = [group["lr"] for group in optimizer.param_groups]
    for group in optimizer.param_groups:
        group["lr"] = learning_rate
    try:
        yield
    finally:
        for group, rate in zip(optimizer.param_groups, own, strict=True):
            group["lr"] = rate
