"""`Fit`: a whole training as a cell."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torchpipe.errors import RunError
from torchpipe.graph.cell import Cell
from torchpipe.train.learner import learning

if TYPE_CHECKING:
    from lightning.pytorch import LightningDataModule, LightningModule, Trainer


class Fit(Cell):
    """Trains a LightningModule to the end, in one pull, and gives the path of its checkpoint.

    It is a source of one item: the best checkpoint, where the Trainer's `ModelCheckpoint` has a
    `monitor`; the last one otherwise. The Trainer is a real one, with its callbacks, loggers and
    progress bar. It runs in the thread that pulls: the caller's, unless a scaled-up cell follows.

    Args:
        trainer: The Trainer, or a function that makes one when the item is pulled.
        module: What to train, in place.
        data: A datamodule, such as a `FeedDataModule`, or anything that gives batches, such as a
            `Feed` or a DataLoader. Without it, the module has its own `train_dataloader`.
        resume: A checkpoint to go on from, or "last": the last one of the Trainer, if any.

    Raises:
        RunError: The Trainer writes no checkpoint.
        KeyboardInterrupt: Ctrl-C, as in any loop; Lightning itself would end the process.

    >>> import torchpipe as tp
    >>> fit = tp.Fit(lambda: Trainer(max_epochs=3), module=None, data=None, resume="last")
    >>> list(fit.inputs), fit.outputs.out.type.__name__
    ([], 'Path')
    """

    def __init__(
        self,
        trainer: Trainer | Callable[[], Trainer],
        module: LightningModule,
        data: LightningDataModule | Any = None,
        *,
        resume: str | Path | None = None,
    ):
        super().__init__()
        self.trainer, self.module, self.data, self.resume = trainer, module, data, resume

    def forward(self) -> Iterator[Path]:
        """Train to the end; the path of the checkpoint."""
        from lightning.pytorch import Trainer

        trainer = self.trainer if isinstance(self.trainer, Trainer) else self.trainer()
        refuse_unsaved(trainer)
        with learning(), interruptible():
            trainer.fit(self.module, **self._given(), ckpt_path=self.resume)
        yield checkpoint_of(trainer)

    def _given(self) -> dict[str, Any]:
        """The data, by the name that the Trainer has for its kind."""
        from lightning.pytorch import LightningDataModule

        if isinstance(self.data, LightningDataModule):
            return {"datamodule": self.data}
        return {"train_dataloaders": self.data}

    def __length_hint__(self) -> int:
        """There is one item."""
        return 1

    def describe(self) -> str:
        return type(self.module).__name__


def refuse_unsaved(trainer: Trainer) -> None:
    """Refuse a Trainer without a callback that writes checkpoints."""
    if trainer.checkpoint_callback is None:
        raise RunError(
            "cannot give the checkpoint of the training: the Trainer writes none. Leave out "
            "`enable_checkpointing=False`, or add a ModelCheckpoint to its callbacks."
        )


def checkpoint_of(trainer: Trainer) -> Path:
    """The checkpoint that the training was for.

    Raises:
        RunError: Its callback has written none.
    """
    callback: Any = trainer.checkpoint_callback
    last = callback.last_model_path or callback.best_model_path
    path = callback.best_model_path if callback.monitor else last
    if not path:
        raise RunError(
            f"cannot give the checkpoint of the training: {type(callback).__name__} has written "
            f"none in {trainer.current_epoch} epochs. Let it write one at the end of each epoch."
        )
    return Path(path)


@contextmanager
def interruptible() -> Iterator[None]:
    """Undo what a Trainer makes of Ctrl-C: it ignores the next one, and ends the process.

    Raises:
        KeyboardInterrupt: The block was interrupted by it.
    """
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit as error:
        if not isinstance(error.__context__, KeyboardInterrupt):
            raise
        raise error.__context__ from None
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)
