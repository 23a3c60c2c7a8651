"""Trackers: each a class of its own that also works without a pipeline."""

from .bytetrack import ByteTracker
from .ocsort import OcSortTracker
from .sort import SortTracker
from .tracker import Tracker

__all__ = ["ByteTracker", "OcSortTracker", "SortTracker", "Tracker"]
