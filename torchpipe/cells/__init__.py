"""Ready-made cells: sources, sinks, batches, filters, and any `nn.Module`.

Reading order: `sources`, `stream`, `sinks` (with `refusals`), and `each` on `keys` (no torch
there); then `loader` on `seeded` (torch's global generators), and `module` on `weights` (who shares
which copy of a network), `rows` (items to one batch and back) and `transfer` (to the device). Each
name is imported when it is first asked for, so that torch is loaded only by those who use it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchpipe.cells.each import Each
    from torchpipe.cells.loader import DataLoaderSource
    from torchpipe.cells.module import ModuleCell
    from torchpipe.cells.sinks import Call, Collect
    from torchpipe.cells.sources import DatasetSource, FolderSource, Source
    from torchpipe.cells.stream import Batch, Delay, Filter, Unbatch

__all__ = [
    "Batch",
    "Call",
    "Collect",
    "DataLoaderSource",
    "DatasetSource",
    "Delay",
    "Each",
    "Filter",
    "FolderSource",
    "ModuleCell",
    "Source",
    "Unbatch",
]

_HOMES = {
    "each": ("Each",),
    "loader": ("DataLoaderSource",),
    "module": ("ModuleCell",),
    "sinks": ("Call", "Collect"),
    "sources": ("DatasetSource", "FolderSource", "Source"),
    "stream": ("Batch", "Delay", "Filter", "Unbatch"),
}


def __getattr__(name: str) -> Any:
    """Import the file that defines the name."""
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"torchpipe.cells.{home}"), name)
    raise AttributeError(f"module 'torchpipe.cells' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
