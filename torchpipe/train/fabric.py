"""`FabricLearner`: a LightningModule as a learner, without a Trainer.

Fabric takes the Trainer's place for what the module asks of it: `self.log` and `self.logger` work,
and other attributes of `self.trainer` say that they are not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from lightning.fabric import Fabric
from torch import Tensor
from torch.optim import Optimizer

from torchpipe.errors import RunError
from torchpipe.train.learner import Learner, Metrics, autocasting, scaler_for
from torchpipe.train.updates import Schedule, Updates


class Collecting(Fabric):
    """A Fabric for one device that keeps what is logged until it is asked for."""

    def __init__(self, device: torch.device, log: Any):
        super().__init__(
            accelerator=device.type,
            devices=[device.index] if device.type == "cuda" else 1,
            loggers=[] if log is None else [log],
        )
        self._logged: Metrics = {}

    def log_dict(self, metrics: Mapping[str, Any], step: int | None = None) -> None:
        """Keep what `self.log` of the module gives."""
        self._logged |= metrics

    def taken(self) -> Metrics:
        """What was logged since the last call, without graphs."""
        found, self._logged = self._logged, {}
        return detached(found)


class FabricLearner(Learner):
    """A LightningModule with the optimizer that it configures.

    It runs `training_step`, and the hooks for the start and end of batches and epochs, for the
    moment after the backward pass and for that before the optimizer's step.

    Args:
        module: The module; it is moved to the device, and trained in place.
        device: Where to train.
        autocast: Compute in this dtype where torch finds it safe.
        log: What `self.logger` is.

    Raises:
        RunError: The module needs a Trainer.
    """

    def __init__(self, module: Any, device: torch.device, autocast: torch.dtype | None, log: Any):
        refuse_manual(module)
        self.model = module.to(device)
        self.device, self.autocast = device, autocast
        self.fabric = Collecting(device, log)
        module.fabric = self.fabric  # the module itself has a weak reference only
        optimizer, schedules = configured(module)
        self.updates = Updates(optimizer, schedules, scaler_for(device, autocast))
        self.batches = 0

    def learn(self, batch: Any, target: Any, **options: Any) -> tuple[Tensor, Metrics]:
        module: Any = self.model
        batch, index = batch if target is None else (batch, target), self.batches
        module.on_train_batch_start(batch, index)
        with autocasting(self.device, self.autocast):
            loss, metrics = self._loss_of(module.training_step(batch, index))
        self.updates.update(loss, ready=self._ready, **options)
        module.on_train_batch_end({"loss": loss.detach(), **metrics}, batch, index)
        self.batches += 1
        return loss, metrics | self.fabric.taken()

    def _loss_of(self, result: Any) -> tuple[Tensor, Metrics]:
        """The loss in what a training step returned, and the metrics beside it."""
        rest = dict(result) if isinstance(result, Mapping) else {"loss": result}
        loss = rest.pop("loss", None)
        if not isinstance(loss, Tensor):
            raise RunError(
                f"cannot train {type(self.model).__name__}: its `training_step` gave no loss but "
                f"{type(result).__name__}. Return the loss, or a dict with 'loss'."
            )
        return loss, detached(rest)

    def _ready(self, optimizer: Optimizer) -> None:
        module: Any = self.model
        module.on_after_backward()
        module.on_before_optimizer_step(optimizer)

    def begin_epoch(self) -> None:
        super().begin_epoch()
        self.batches = 0
        module: Any = self.model
        module.on_train_epoch_start()

    def end_epoch(self) -> Metrics:
        module: Any = self.model
        module.on_train_epoch_end()
        super().end_epoch()
        return self.fabric.taken()

    def state_dict(self) -> dict[str, Any]:
        return super().state_dict() | {"batches": self.batches}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.batches = state["batches"]


def detached(metrics: Mapping[str, Any]) -> Metrics:
    """Metrics without graphs."""
    return {
        name: value.detach() if isinstance(value, Tensor) else value
        for name, value in metrics.items()
    }


def refuse_manual(module: Any) -> None:
    """Refuse a module that takes its own steps."""
    if not module.automatic_optimization:
        raise RunError(
            f"cannot train {type(module).__name__} step by step: it optimizes manually. Use "
            f"torchpipe.train.Fit, which runs a Trainer."
        )


def configured(module: Any) -> tuple[Optimizer, list[Schedule]]:
    """The optimizer and the schedules that the module configures.

    Raises:
        RunError: It configures another number of optimizers, or what only a Trainer knows.
    """
    result = module.configure_optimizers()
    if isinstance(result, Mapping):
        found, schedules = [result["optimizer"]], [result.get("lr_scheduler")]
    elif isinstance(result, tuple) and result and isinstance(result[0], list | tuple):
        found, schedules = list(result[0]), list(result[1])
    else:
        found, schedules = list(result) if isinstance(result, list | tuple) else [result], []
    if len(found) != 1 or not isinstance(found[0], Optimizer):
        raise RunError(
            f"cannot train {type(module).__name__} step by step: its `configure_optimizers` gives "
            f"{', '.join(type(one).__name__ for one in found) or 'nothing'}, and one optimizer is "
            f"expected. Use torchpipe.train.Fit, which runs a Trainer."
        )
    return found[0], [schedule_of(module, each) for each in schedules if each is not None]


def schedule_of(module: Any, given: Any) -> Schedule:
    """One scheduler, as Lightning lets users write it: by default it steps with the epochs."""
    options = dict(given) if isinstance(given, Mapping) else {"scheduler": given}
    if isinstance(options["scheduler"], torch.optim.lr_scheduler.ReduceLROnPlateau):
        raise RunError(
            f"cannot train {type(module).__name__} step by step: ReduceLROnPlateau waits for a "
            f"validation. Use torchpipe.train.Fit, which runs a Trainer."
        )
    interval, frequency = options.get("interval", "epoch"), options.get("frequency", 1)
    return Schedule(options["scheduler"], interval, frequency)
