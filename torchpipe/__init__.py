"""torchpipe: pipelines of cells around PyTorch modules, scaled up in order.

Reading order: `errors`, then `graph` (what is connected), then `engine` (how it runs), then `cells`
(ready-made ones); each package tells its own. On top of these, each by itself: `testing`, `train`,
`dashboard`, `serve` (with `tracing`, and `extras`, `addresses` and `access` for both), `cli`.

Names are loaded when they are first used, so that `import torchpipe` imports nothing heavy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torchpipe import errors as errors
    from torchpipe.cells import Batch as Batch
    from torchpipe.cells import Call as Call
    from torchpipe.cells import Collect as Collect
    from torchpipe.cells import DataLoaderSource as DataLoaderSource
    from torchpipe.cells import DatasetSource as DatasetSource
    from torchpipe.cells import Delay as Delay
    from torchpipe.cells import Each as Each
    from torchpipe.cells import Filter as Filter
    from torchpipe.cells import FolderSource as FolderSource
    from torchpipe.cells import ModuleCell as ModuleCell
    from torchpipe.cells import Source as Source
    from torchpipe.cells import Unbatch as Unbatch
    from torchpipe.engine.run import Run as Run
    from torchpipe.engine.session import Session as Session
    from torchpipe.errors import CheckError as CheckError
    from torchpipe.errors import EndOfStream as EndOfStream
    from torchpipe.errors import TorchpipeError as TorchpipeError
    from torchpipe.graph.cell import Cell as Cell
    from torchpipe.graph.clone import Clone as Clone
    from torchpipe.graph.clone import RayClone as RayClone
    from torchpipe.graph.clone import ThreadClone as ThreadClone
    from torchpipe.graph.feedback import Feedback as Feedback
    from torchpipe.graph.function import cell as cell
    from torchpipe.graph.hole import HOLE as HOLE
    from torchpipe.graph.parameter import Config as Config
    from torchpipe.graph.parameter import Parameter as Parameter
    from torchpipe.graph.pipeline import Pipeline as Pipeline
    from torchpipe.graph.policy import Batching as Batching
    from torchpipe.graph.policy import Retry as Retry
    from torchpipe.graph.policy import Skip as Skip
    from torchpipe.graph.port import Connection as Connection
    from torchpipe.graph.port import Input as Input
    from torchpipe.graph.port import Output as Output
    from torchpipe.graph.scale import ScaleUp as ScaleUp
    from torchpipe.train import Evaluate as Evaluate
    from torchpipe.train import Fit as Fit
    from torchpipe.train import TrainStep as TrainStep

__version__ = "0.1.0"

_HOMES = {
    "torchpipe.errors": "TorchpipeError CheckError EndOfStream",
    "torchpipe.graph.cell": "Cell",
    "torchpipe.graph.clone": "Clone ThreadClone RayClone",
    "torchpipe.graph.feedback": "Feedback",
    "torchpipe.graph.function": "cell",
    "torchpipe.graph.hole": "HOLE",
    "torchpipe.graph.parameter": "Config Parameter",
    "torchpipe.graph.pipeline": "Pipeline",
    "torchpipe.graph.policy": "Batching Retry Skip",
    "torchpipe.graph.port": "Connection Input Output",
    "torchpipe.graph.scale": "ScaleUp",
    "torchpipe.engine.run": "Run",
    "torchpipe.engine.session": "Session",
    "torchpipe.cells": "ModuleCell Source DataLoaderSource DatasetSource FolderSource Batch "
    "Unbatch Filter Delay Each Collect Call",
    "torchpipe.train": "TrainStep Evaluate Fit",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = sorted([*_HOME_OF, "errors"])  # pyright: ignore


def __getattr__(name: str) -> Any:
    """Load a public name from its module, once."""
    if name == "errors":
        return importlib.import_module("torchpipe.errors")
    if name not in _HOME_OF:
        raise AttributeError(f"module 'torchpipe' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
