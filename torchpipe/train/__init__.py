"""Training: pipelines that feed a loop.

Reading order: `position` and `shard`, `epoch` and `order` (arithmetic); `nature` and `motion` (the
pipeline, and its run); `batching`, `making`, `prefetch`, `device`, `agreement` and `iteration` (the
batches of an epoch); then `feed`. Each name is imported when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchpipe.train.feed import Feed
    from torchpipe.train.lightning import FeedDataModule

__all__ = ["Feed", "FeedDataModule"]

_HOMES = {"feed": ("Feed",), "lightning": ("FeedDataModule",)}


def __getattr__(name: str) -> Any:
    """Import the file that defines the name."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"torchpipe.train.{home}"), name)
    raise AttributeError(f"module 'torchpipe.train' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
