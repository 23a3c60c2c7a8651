"""`TrainStep`: a training step as a cell."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol, Self

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map

from torchpipe.cells.seeded import seeded
from torchpipe.cells.transfer import caster, with_arguments
from torchpipe.errors import ParameterError
from torchpipe.graph.cell import Cell
from torchpipe.graph.clone import Clone
from torchpipe.graph.parameter import Config, Parameter
from torchpipe.train.learner import (
    Learner,
    MakeOptimizer,
    MakeScheduler,
    PlainLearner,
    learning,
)


class Log(Protocol):
    """Where metrics go: a `CsvLog`, any logger of Lightning (TensorBoard, ...), or your own."""

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        """Keep the metrics of a step, counted from 0."""

    def finalize(self, status: str) -> None:
        """Complete what was written; called at the end of the run."""


class Step(NamedTuple):
    """What a training step gives: tensors without a graph, on the device of the training.

    Attributes:
        loss: The loss before the update: `()`, a scalar.
        metrics: More numbers about this step, by name.

    >>> import torch
    >>> Step(torch.tensor(0.5), {"accuracy": 0.9}).metrics
    {'accuracy': 0.9}
    """

    loss: Tensor
    metrics: dict[str, Any]


class TrainStep(Cell):
    """Trains a network by one step for each item, a batch; gives the loss and metrics.

    The network is trained in place: during and after a run, `step.model` is what was trained (a
    clone in another process trains a copy; save the run to get at it). The weights go on from epoch
    to epoch, and from run to run; the optimizer is made anew for each run. `run.save` takes along
    all that the next steps depend on: weights, optimizer, schedules, counts.

    Each step computes with gradients and, from the start of each epoch on, in train mode, whatever
    the mode of its thread. What it draws from torch's global generators (dropout) is seeded for
    each item, and so is the same for any number of clones before it; they are as before after the
    step. Other cells should draw from generators of their own, made from `self.seed`.

    With a `LightningModule` the step is its `training_step`, and the batch the pair (batch, target)
    where a target is connected. What it logs by `self.log` is among the metrics. Of `self.trainer`
    there is what Fabric has; `current_epoch` and `global_step` stay 0. Callbacks, validation,
    several optimizers and manual optimization need a Trainer: see `Fit`.

    Args:
        model: The network, or a LightningModule, which brings its loss and optimizer.
        loss: Called with the network's output and the target; without one, with the output.
            Gives a scalar tensor, shape `()`.
        optimizer: Makes the optimizer from the parameters: `partial(torch.optim.Adam, lr=1e-3)`.
        scheduler: Makes a scheduler from the optimizer. It takes a step after each update, so its
            periods are numbers of batches.
        metrics: Functions that are called as the loss is, without gradients, by name.
        autocast: Compute in this dtype where torch finds it safe.
        device: Where to train, if not on the clone's device.
        log: Where the loss and the metrics of each step go.
        log_every: Log every so many steps only: it waits for the device.

    Raises:
        ParameterError: A loss or an optimizer is missing; or both it and a LightningModule are
            there.
        RunError: The LightningModule needs a Trainer; raised when the run starts.

    >>> import torch, torchpipe as tp
    >>> from functools import partial
    >>> from torch import nn
    >>> net = nn.Linear(1, 1)
    >>> step = tp.TrainStep(net, nn.functional.mse_loss, partial(torch.optim.SGD, lr=0.1))
    >>> x = torch.linspace(-1, 1, 9)[:, None]
    >>> losses = [step(x, 2 * x).loss.item() for _ in range(100)]
    >>> losses[-1] < 0.01, round(net.weight.item(), 1)
    (True, 2.0)
    """

    stateful = True

    learning_rate = Parameter[float | None](
        None, ge=0, doc="used instead of the optimizer's and its schedule's, for all parameters"
    )
    max_norm = Parameter[float | None](
        None, gt=0, doc="gradients are scaled down so that their norm does not exceed this"
    )
    autocast = Config[torch.dtype | None](None, doc="the dtype of torch.autocast")

    def __init__(
        self,
        model: nn.Module,
        loss: Callable[..., Tensor] | None = None,
        optimizer: MakeOptimizer | None = None,
        *,
        scheduler: MakeScheduler | None = None,
        metrics: Mapping[str, Callable[..., Any]] | None = None,
        autocast: torch.dtype | None = None,
        device: str | torch.device | None = None,
        log: Log | None = None,
        log_every: int = 1,
    ):
        super().__init__()
        self.model, self.loss, self.optimizer, self.scheduler = model, loss, optimizer, scheduler
        self.metrics, self.device = dict(metrics or {}), device
        self.autocast, self.log, self.log_every = autocast, log, log_every
        self._refuse_wrong_parts()

    def _refuse_wrong_parts(self) -> None:
        parts: dict[str, Any] = {"loss": self.loss, "optimizer": self.optimizer}
        missing = [name for name, part in parts.items() if part is None]
        name = type(self.model).__name__
        if is_lightning(self.model):
            parts |= {"scheduler": self.scheduler, "metrics": self.metrics or None}
            given = [part for part in parts if parts[part] is not None]
            if given:
                raise ParameterError(
                    f"cannot train {name} with {' and '.join(given)}: a LightningModule brings its "
                    f"own. Leave them out."
                )
        elif missing:
            raise ParameterError(
                f"cannot train {name} without {' and '.join(missing)}. Write tp.TrainStep(model, "
                f"loss, optimizer), or pass a LightningModule."
            )

    def setup(self, clone: Clone) -> None:
        # An empty tensor tells which device "cuda" means in this thread.
        self._place = torch.empty(0, device=self.device or clone.device).device
        with learning():
            self._learner = self._made()
        self._learn = with_arguments(self._learner.learn, trainable(self._place))

    def _made(self) -> Learner:
        if is_lightning(self.model):
            from torchpipe.train.fabric import FabricLearner

            return FabricLearner(self.model, self._place, self.autocast, self.log)
        assert self.loss is not None
        assert self.optimizer is not None
        parts = self.model, self.loss, self.optimizer, self.scheduler, self.metrics
        return PlainLearner(*parts, self._place, self.autocast)

    def reset(self) -> None:
        self._learner.begin_epoch()

    def forward(self, batch: Any, target: Any = None) -> Step:
        """One step on a batch, tensors of shape `(n, ...)`; the result holds no graph."""
        seed = None if self._context is None else self.seed
        live = {"learning_rate": self.learning_rate, "max_norm": self.max_norm}
        with learning(), seeded(seed, self._place):
            loss, metrics = self._learn(batch, target, **live)
        step = Step(loss.detach(), metrics)
        self._log_step(step)
        return step

    def _log_step(self, step: Step) -> None:
        number = self._learner.updates.steps - 1
        if self.log is not None and number % self.log_every == 0:
            metrics = {"loss": step.loss, **step.metrics}
            self.log.log_metrics({name: float(metrics[name]) for name in metrics}, number)

    def finish(self) -> None:
        metrics = self._learner.end_epoch()
        if self.log is not None and metrics:
            last = max(0, self._learner.updates.steps - 1)
            self.log.log_metrics({name: float(metrics[name]) for name in metrics}, last)

    def teardown(self) -> None:
        model: Any = self.model
        if is_lightning(model):
            model.fabric = None  # from now on a Trainer may have it
        if self.log is not None:
            self.log.finalize("success")

    def state_dict(self) -> dict[str, Any]:
        return tree_map(copied, self._learner.state_dict())  # type: ignore[no-any-return]

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._learner.load_state_dict(state)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """A clone in this process trains the very network of the definition."""
        return copy.copy(self)

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what `setup` made: copies and pickles make their own."""
        state = super().__getstate__()
        for name in ("_learner", "_learn", "_place"):
            state.pop(name, None)
        return state

    def describe(self) -> str:
        given = (self._configs | self._values).items()
        settings = [f"{name}={value}" for name, value in given if value is not None]
        return ", ".join([type(self.model).__name__, *settings])


def is_lightning(model: nn.Module) -> bool:
    """Whether the network is a LightningModule, of either of its packages."""
    return hasattr(model, "training_step") and hasattr(model, "configure_optimizers")


def trainable(device: torch.device) -> Callable[[Tensor], Tensor]:
    """Moves a tensor to the device; what came out of inference mode is copied."""
    cast = caster(device, None)

    def move(value: Tensor) -> Tensor:
        moved = cast(value)
        return moved.clone() if moved.is_inference() else moved

    return move


def copied(value: Any) -> Any:
    """A copy of a tensor; anything else as it is."""
    return value.detach().clone() if isinstance(value, Tensor) else value
