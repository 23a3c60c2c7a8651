"""Training: pipelines that feed a loop, and cells that train and evaluate.

Reading order: `position` and `shard`, `epoch` and `order` (arithmetic); `nature` and `motion` (the
pipeline, and its run); `batching`, `making`, `prefetch`, `device`, `agreement` and `iteration` (the
batches of an epoch); then `feed`, and `dataloader` and `acknowledged` (it, in a DataLoader and
under a Trainer). The cells: `updates` (how a loss changes weights), `learner` and `fabric` (what a
step computes: a model and a loss, or a LightningModule), `step`, `evaluate`, `fit`; and `csv_log`
for what they log.

Each name is imported when it is first asked for, and lightning only by those who use it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchpipe.train.csv_log import CsvLog
    from torchpipe.train.evaluate import Evaluate
    from torchpipe.train.feed import Feed
    from torchpipe.train.fit import Fit
    from torchpipe.train.lightning import FeedDataModule
    from torchpipe.train.step import Step, TrainStep

__all__ = ["CsvLog", "Evaluate", "Feed", "FeedDataModule", "Fit", "Step", "TrainStep"]

_HOMES = {
    "csv_log": ("CsvLog",),
    "evaluate": ("Evaluate",),
    "feed": ("Feed",),
    "fit": ("Fit",),
    "lightning": ("FeedDataModule",),
    "step": ("Step", "TrainStep"),
}


def __getattr__(name: str) -> Any:
    """Import the file that defines the name."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"torchpipe.train.{home}"), name)
    raise AttributeError(f"module 'torchpipe.train' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
