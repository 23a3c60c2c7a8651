"""The whole: trains a network, and reads the test digits with it."""

import math
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import torchpipe as tp
from torchpipe.errors import UsageError

from .classify import Result, Test
from .data import find_table
from .folder import Folder
from .training import Train


class TrainDigits(tp.Pipeline):
    """Learns to read handwritten digits: 5,000 of MNIST, of which 1,000 are for the test.

    Args:
        loop: How the training is written: as a loop in plain PyTorch, with a Lightning Trainer, or
            with the training step as a cell.
        output: The folder for metrics, curves, checkpoint and the trained network.
        resume: Go on with the training in that folder where it was saved last.
        overwrite: Replace a training in that folder.
        epochs: How often to see all digits.
        batch_size: How many digits make a batch.
        rate: The highest learning rate.
        clones: How many clones augment images, and later run the network, on one core each.
        examples: How many digits of each class to learn from; a quarter as many are in the test.

    Raises:
        UsageError: A package is missing, or a number makes no sense; from `check`: the folder
            can't be used.
    """

    def __init__(
        self,
        loop: Literal["plain", "lightning", "cell"] = "lightning",
        output: str = "digits-run",
        resume: bool = False,
        overwrite: bool = False,
        epochs: int = 10,
        batch_size: int = 50,
        rate: float = 0.01,
        clones: int = 2,
        examples: int = 400,
    ):
        super().__init__()
        _check_range("epochs", epochs, 1, 10_000)
        _check_range("batch-size", batch_size, 2, 4_000)
        _check_range("clones", clones, 1, 1_000)
        _check_range("examples", examples, 4, 400)
        _check_rate(rate)
        _check_packages(loop)
        folder = Folder(Path(output), loop)
        options = {"epochs": epochs, "batch_size": batch_size, "rate": rate}
        self.train = Train(folder, resume, clones, examples, **options)
        self.overwrite = overwrite
        self.test = Test(clones, examples)
        self.result = tp.Collect()

    def check(self) -> None:
        """Find everything that is wrong with this pipeline, or with the folder that it trains in.

        Raises:
            CheckError: With all findings in the graph.
            UsageError: A training is there that isn't to be replaced, or none that can be resumed.
        """
        super().check()
        if self.train.resume:
            self.train.folder.check_resumable(self.train.settings)
        else:
            self.train.folder.check_free(self.overwrite)

    def build(self) -> Result:
        result: Result = self.result(self.test(self.train()))
        return result

    def summary(self) -> dict[str, str]:
        """How good the network is, and the files, for the end of `torchpipe run`."""
        folder = self.train.folder
        files = {"network": folder.network, "metrics": folder.metrics, "curves": folder.curves}
        found = {"test": str(self.result.items[-1])} if self.result.items else {}
        return found | {name: str(file) for name, file in files.items()}

    def __length_hint__(self) -> int:
        """There is one result."""
        return 1


def _check_range(option: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise UsageError(f"cannot train with --{option} {value}: give {least} to {most}.")


def _check_rate(rate: float) -> None:
    if not (math.isfinite(rate) and rate > 0):
        raise UsageError(f"cannot train with --rate {rate}: give a number above 0, such as 0.01.")


def _check_packages(loop: str) -> None:
    """Makes sure, before anything takes time, that the data and Lightning are there."""
    find_table()
    if loop == "lightning" and find_spec("lightning") is None:
        raise UsageError(
            "cannot train with --loop lightning: lightning is not installed. From a checkout, "
            "run `pip install --editable '.[digits]'`, or choose --loop plain or --loop cell."
        )
