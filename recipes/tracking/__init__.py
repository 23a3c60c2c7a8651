"""Tracks people in a video: `torchpipe run tracking --video street.mp4`."""

from .evaluate import Evaluation
from .pipeline import Tracking

recipe = Tracking
commands = {"eval": Evaluation}  # torchpipe run tracking eval

__all__ = ["Evaluation", "Tracking", "commands", "recipe"]
