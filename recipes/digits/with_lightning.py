"""`--loop lightning`: a Lightning Trainer, and a datamodule whose feeds give it batches."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor
from torch.nn.functional import cross_entropy

import torchpipe as tp
from torchpipe.train import FeedDataModule

from .cells import Batch, accuracy
from .prepare import feed_of_test, feed_of_training
from .record import Record
from .task import Task


class LitDigits(LightningModule):
    """The network with its loss and its optimizer."""

    def __init__(self, task: Task):
        super().__init__()
        self.task, self.net = task, task.net

    def training_step(self, batch: Batch, index: int) -> Tensor:
        images, labels = batch
        return cross_entropy(self.net(images), labels)

    def validation_step(self, batch: Batch, index: int) -> None:
        images, labels = batch
        logits = self.net(images)
        self.log("test_loss", cross_entropy(logits, labels))
        self.log("test_accuracy", accuracy(logits, labels).mean())

    def configure_optimizers(self) -> Any:
        optimizer = self.task.optimizer(self.parameters())
        schedule = {"scheduler": self.task.schedule(optimizer), "interval": "step"}
        return {"optimizer": optimizer, "lr_scheduler": schedule}


class Follow(Callback):
    """Tells the record what the Trainer does."""

    def __init__(self, record: Record):
        self.record = record

    def on_train_start(self, trainer: Trainer, module: LightningModule) -> None:
        self.record.start(trainer.current_epoch)

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        self.record.step(outputs["loss"])

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        self.record.epoch({name: float(value) for name, value in trainer.callback_metrics.items()})


def train(task: Task, record: Record) -> None:
    """Trains the network to the end, from the start or from where it was saved."""
    resume = task.checkpoint if task.resume else None
    with quiet():
        data = FeedDataModule(feed_of_training(task), feed_of_test(task))
        fit = tp.Fit(trainer_of(task, record), LitDigits(task), data, resume=resume)
        next(fit())


def trainer_of(task: Task, record: Record) -> Trainer:
    """Makes a Trainer that saves the training after each epoch, and says little by itself."""
    folder, name = task.checkpoint.parent, task.checkpoint.stem
    return Trainer(
        max_epochs=task.epochs,
        accelerator="cpu",
        callbacks=[ModelCheckpoint(folder, name, enable_version_counter=False), Follow(record)],
        num_sanity_val_steps=0,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps Lightning's tips to itself; its errors come through."""
    loggers = [logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        try:
            yield
        finally:
            for logger, level in zip(loggers, levels, strict=True):
                logger.setLevel(level)
