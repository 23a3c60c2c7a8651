"""`Record`: what a training says while it runs: a bar, a line for each epoch, and metrics.csv."""

import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from torch import Tensor
from tqdm import tqdm

from torchpipe.train import CsvLog


class Bar(tqdm):  # type: ignore[misc]
    """A progress bar that needs no thread."""

    monitor_interval = 0


class Record:
    """Follows a training, from any of its epochs on.

    Args:
        metrics: The CSV file: the loss of each batch; loss and accuracy in the test after an epoch.
        epochs: How many epochs there are in all.
        steps: How many batches an epoch has.
    """

    def __init__(self, metrics: Path, epochs: int, steps: int):
        self.epochs, self.steps, self.done = epochs, steps, 0
        self._log, self._losses = CsvLog(metrics), 0.0
        self._bar: Bar | None = None

    def start(self, epoch: int) -> None:
        """The training starts, or goes on, with this epoch."""
        self.done = epoch * self.steps
        total = self.epochs * self.steps
        # On a terminal only; in the line where `torchpipe run` would show how many results came.
        self._bar = Bar(
            initial=self.done, total=total, disable=None, leave=False, position=0, unit=" batches"
        )

    def step(self, loss: Tensor) -> None:
        """A batch is done."""
        value = loss.item()
        self._log.log_metrics({"loss": value}, self.done)
        self._losses += value
        self.done += 1
        if self._bar is not None:
            self._bar.update()

    def epoch(self, test: Mapping[str, float]) -> None:
        """An epoch is done: `test_loss` and `test_accuracy` are known."""
        self._log.log_metrics(test, self.done - 1)
        mean, self._losses = self._losses / self.steps, 0.0
        number = self.done // self.steps
        shown = f"{number:>{len(str(self.epochs))}}"
        line = f"epoch {shown} of {self.epochs}: loss {mean:.3f}; in the test "
        line += f"{test['test_loss']:.3f}, {test['test_accuracy']:.1%} right"
        Bar.write(line, file=sys.stderr)

    def close(self) -> None:
        """The training is over."""
        self._log.finalize("success")
        if self._bar is not None:
            self._bar.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
