"""`Task`: what all three loops are given: digits, a network, and how to train it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR

from .data import Digits
from .network import DigitNet


@dataclass(frozen=True)
class Task:
    """A training.

    Attributes:
        digits: What to learn from, and to be tested with.
        net: What learns; it is trained in place.
        checkpoint: Where the training is saved after each epoch.
        resume: Whether to go on from there, rather than start.
        epochs: How often to see all digits.
        batch_size: How many digits make a batch.
        rate: The highest learning rate.
        clones: How many clones augment images.
        seed: What all randomness comes from.
    """

    digits: Digits
    net: DigitNet
    checkpoint: Path
    resume: bool
    epochs: int
    batch_size: int
    rate: float
    clones: int
    seed: int

    @property
    def steps(self) -> int:
        """The number of batches in an epoch."""
        return -(-len(self.digits.train) // self.batch_size)

    def optimizer(self, weights: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        """Makes what updates the weights."""
        return torch.optim.AdamW(weights, lr=self.rate)

    def schedule(self, optimizer: torch.optim.Optimizer) -> OneCycleLR:
        """Makes what warms up the learning rate and lets it fall, batch by batch."""
        return OneCycleLR(optimizer, self.rate, total_steps=self.epochs * self.steps)
