"""Spreads a network over the GPUs of a cluster: `torchpipe run distributed --simulate`."""

from .classify import Classification
from .detect import Detection

recipe = Detection

__all__ = ["Classification", "Detection", "recipe"]
