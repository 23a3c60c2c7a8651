"""Tracks people in a video: `torchpipe run tracking --video street.mp4`."""

from .pipeline import Tracking

recipe = Tracking

__all__ = ["Tracking", "recipe"]
