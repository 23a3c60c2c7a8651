"""Trackers: each a class of its own that also works without a pipeline."""

from .bytetrack import ByteTracker
from .looks import ReId
from .ocsort import OcSortTracker
from .per_class import PerClass
from .sort import SortTracker
from .tracker import Tracker

__all__ = ["ByteTracker", "OcSortTracker", "PerClass", "ReId", "SortTracker", "Tracker"]
