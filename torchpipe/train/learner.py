"""`Learner`: what a training step computes, whatever it was made from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from torchpipe.errors import StateError
from torchpipe.train.updates import Schedule, Updates

Metrics = dict[str, Any]
MakeOptimizer = Callable[[Iterable[nn.Parameter]], Optimizer]
MakeScheduler = Callable[[Optimizer], LRScheduler]


class Learner(ABC):
    """A network on its device, with what updates it. One lives in each clone of a `TrainStep`.

    Attributes:
        model: The network.
        updates: Its optimizer.
    """

    model: nn.Module
    updates: Updates

    @abstractmethod
    def learn(self, batch: Any, target: Any, **options: Any) -> tuple[Tensor, Metrics]:
        """Compute the loss of a batch, and update the weights.

        Args:
            batch: What the network takes, on its device.
            target: What the loss compares with, or None.
            **options: For `Updates.update`.

        Returns:
            The loss, and metrics by name.
        """

    def begin_epoch(self) -> None:
        """Called at the start of every epoch."""
        self.model.train()

    def end_epoch(self) -> Metrics:
        """Called when an epoch has ended; returns the metrics of the epoch as a whole."""
        self.updates.end_epoch()
        return {}

    def state_dict(self) -> dict[str, Any]:
        """The weights and all that the next updates depend on; shared with what is here."""
        return {"model": self.model.state_dict(), **self.updates.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from where `state_dict` was called; what it gave is copied.

        Raises:
            StateError: It is the state of another network; nothing has changed then.
        """
        refuse_other(self.model, state["model"])
        self.updates.load_state_dict(state)
        self.model.load_state_dict(state["model"])


class PlainLearner(Learner):
    """A network, a loss and an optimizer.

    Args:
        model: The network; it is moved to the device, and trained in place.
        loss: Called with what the network gives and the target, or without one.
        optimizer: Makes the optimizer from the parameters.
        scheduler: Makes a scheduler from the optimizer; it takes a step after each update.
        metrics: Functions, called as the loss is, by name.
        device: Where to train.
        autocast: Compute in this dtype where torch finds it safe.
    """

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[..., Tensor],
        optimizer: MakeOptimizer,
        scheduler: MakeScheduler | None,
        metrics: Mapping[str, Callable[..., Any]],
        device: torch.device,
        autocast: torch.dtype | None,
    ):
        self.model, self.loss, self.metrics = model.to(device), loss, metrics
        self.device, self.autocast = device, autocast
        made = optimizer(model.parameters())
        schedules = [] if scheduler is None else [Schedule(scheduler(made))]
        self.updates = Updates(made, schedules, scaler_for(device, autocast))

    def learn(self, batch: Any, target: Any, **options: Any) -> tuple[Tensor, Metrics]:
        with autocasting(self.device, self.autocast):
            output = self.model(batch)
            known = (output,) if target is None else (output, target)
            loss = self.loss(*known)
            with torch.no_grad():
                metrics = {name: metric(*known) for name, metric in self.metrics.items()}
        self.updates.update(loss, **options)
        return loss, metrics


def scaler_for(device: torch.device, dtype: torch.dtype | None) -> torch.amp.GradScaler:
    """What keeps small gradients from vanishing in this dtype: nothing, unless it is float16."""
    return torch.amp.GradScaler(device.type, enabled=dtype is torch.float16)


def autocasting(
    device: torch.device, dtype: torch.dtype | None
) -> AbstractContextManager[Any, Any]:
    """Compute in this dtype where that is safe; without one, as the thread does anyway."""
    return nullcontext() if dtype is None else torch.autocast(device.type, dtype)


@contextmanager
def learning() -> Iterator[None]:
    """Record gradients, whatever mode the thread is in."""
    with torch.inference_mode(mode=False), torch.enable_grad():
        yield


def refuse_other(model: nn.Module, saved: Mapping[str, Any]) -> None:
    """Refuse weights of another network.

    Raises:
        StateError: Names or shapes differ.
    """
    here = {name: tuple(value.shape) for name, value in tensors(model.state_dict())}
    there = {name: tuple(value.shape) for name, value in tensors(saved)}
    for name in [*here, *there]:
        if here.get(name) != there.get(name):
            raise StateError(
                f"cannot load the state of another network: {name} is {shown(there.get(name))} "
                f"there, and {shown(here.get(name))} in this {type(model).__name__}. Load what was "
                f"saved with the same network."
            )


def tensors(state: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """The tensors in a network's state, by name."""
    return ((name, value) for name, value in state.items() if isinstance(value, Tensor))


def shown(shape: tuple[int, ...] | None) -> str:
    """A shape in an error."""
    return "missing" if shape is None else f"of shape {shape}"
