"""What the tests with Lightning are made of: a small module that notes what it gets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning.pytorch as pl
import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor
from torch.utils._pytree import tree_leaves

from tests.train.made import same

QUIET = [  # what Lightning says of itself
    pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists:UserWarning"),
    pytest.mark.filterwarnings("ignore:Be aware that when using `ckpt_path`:UserWarning"),
]


class Learner(pl.LightningModule):
    """Learns nothing of use, but every bit of every batch, and of their order, is in its weights.

    Attributes:
        seen: The batches that it was trained on.
        checked: Those that it was validated, tested or asked to predict on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.net = torch.nn.Linear(2, 1)
        torch.nn.init.constant_(self.net.weight, 0.5)
        torch.nn.init.constant_(self.net.bias, 0.0)
        self.seen: list[Any] = []
        self.checked: list[Any] = []

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        self.seen.append(batch)
        return torch.stack([self.net(part).square().mean() for part in tensors(batch)]).sum()

    def test_step(self, batch: Tensor, batch_idx: int) -> None:
        self.checked.append(batch)

    def predict_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        self.checked.append(batch)
        return batch

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=0.1)

    @property
    def numbers(self) -> list[list[int]]:
        """The numbers in the batches that it was trained on."""
        return [batch[:, 0].int().tolist() for batch in self.seen]


class AfterValidation(pl.Callback):
    """Keeps a checkpoint of every validation."""

    def __init__(self, folder: Path):
        self.folder = folder

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if not trainer.sanity_checking:
            trainer.save_checkpoint(self.folder / f"{trainer.global_step}.ckpt")


class Validated(Learner):
    """A learner that is validated, too."""

    def validation_step(self, batch: Tensor, batch_idx: int, dataloader_idx: int = 0) -> None:
        self.checked.append(batch)


def tensors(batch: Any) -> list[Tensor]:
    """The batches of all feeds in a combined one."""
    return [leaf for leaf in tree_leaves(batch) if isinstance(leaf, Tensor)]


def trainer(epochs: int, **options: Any) -> pl.Trainer:
    """A trainer that does what it is told and nothing else."""
    quiet = ("logger", "enable_progress_bar", "enable_model_summary", "enable_checkpointing")
    defaults = {"accelerator": "cpu", "devices": 1, "num_sanity_val_steps": 0}
    return pl.Trainer(max_epochs=epochs, **{**defaults, **dict.fromkeys(quiet, False), **options})


def saving(folder: Path, **options: Any) -> dict[str, Any]:
    """Options of a trainer that keeps a checkpoint of every batch: "1.ckpt", "2.ckpt", ..."""
    return checkpoints(folder, "{step}", every_n_train_steps=1, **options)


def saving_epochs(folder: Path) -> dict[str, Any]:
    """Options of a trainer that keeps a checkpoint of every epoch: "0.ckpt", "1.ckpt", ..."""
    return checkpoints(folder, "{epoch}", save_on_train_epoch_end=True)


def checkpoints(folder: Path, name: str, **options: Any) -> dict[str, Any]:
    """Options of a trainer that keeps checkpoints."""
    defaults = {"save_top_k": -1, "auto_insert_metric_name": False, "filename": name}
    saved = ModelCheckpoint(folder, **{**defaults, **options})
    return {"callbacks": [saved], "enable_checkpointing": True}


def weights(learner: Learner) -> list[Tensor]:
    """What it has learned."""
    return [weight.detach() for weight in learner.parameters()]


def same_weights(one: Learner, other: Learner) -> bool:
    """Whether they have learned the same, to the last bit."""
    return same(weights(one), weights(other))
