"""`Train`: a whole training as a cell, in one of three styles."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch

import torchpipe as tp

from .curves import draw_curves
from .data import load_digits
from .folder import Folder
from .network import DigitNet
from .record import Record
from .task import Task

STYLES = {"plain": ".plain", "lightning": ".with_lightning", "cell": ".with_cell"}


class Train(tp.Cell):
    """Trains a network; gives the file with its weights, once.

    Args:
        folder: Where the files go; it knows the style.
        resume: Go on where the training was saved, rather than start anew.
        clones: How many clones augment images.
        examples: How many digits of each class to learn from.
        **options: What else a `Task` needs.
    """

    def __init__(self, folder: Folder, resume: bool, clones: int, examples: int, **options: Any):
        super().__init__()
        self.folder, self.resume, self.clones = folder, resume, clones
        self.examples, self.options = examples, options

    @property
    def settings(self) -> dict[str, Any]:
        """What a training must have in common with its start, to go on."""
        return {"loop": self.folder.loop, "examples": self.examples, **self.options}

    def forward(self) -> Iterator[Path]:
        task, folder = self._task(), self.folder
        settings = {**self.settings, "seed": task.seed}
        if self.resume:
            folder.check_resumable(settings)
        else:
            folder.begin(settings)
        with one_core(), Record(folder.metrics, task.epochs, task.steps) as record:
            self._style()(task, record)
        torch.save(task.net.state_dict(), folder.network)
        draw_curves(folder.metrics, folder.curves, task.steps)
        yield folder.network

    def _task(self) -> Task:
        return Task(
            digits=load_digits(self.examples),
            net=DigitNet(self.seed),
            checkpoint=self.folder.checkpoint,
            resume=self.resume,
            clones=self.clones,
            seed=self.seed,
            **self.options,
        )

    def _style(self) -> Callable[[Task, Record], None]:
        """The loop; lightning is imported only where it is used."""
        module = import_module(STYLES[self.folder.loop], __package__)
        train: Callable[[Task, Record], None] = module.train
        return train


@contextmanager
def one_core() -> Iterator[None]:
    """Lets the training step use one core: the network is small, and clones need the others."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
