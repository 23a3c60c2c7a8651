"""Learns to read handwritten digits, in about half a minute: `torchpipe run digits`."""

from .pipeline import TrainDigits

recipe = TrainDigits

__all__ = ["TrainDigits", "recipe"]
