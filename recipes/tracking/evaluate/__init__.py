"""Scores tracks: `torchpipe run tracking eval --truth MOT15/train --tracks results`."""

from .pairing import Frame, Pairing
from .pipeline import Evaluation
from .scores import Scores, score

__all__ = ["Evaluation", "Frame", "Pairing", "Scores", "score"]
