"""The trained network at work: image files in, digits out."""

from dataclasses import dataclass
from pathlib import Path

import torchpipe as tp

from .cells import Decode, Read, Reading
from .data import load_digits
from .network import load_network


class Classify(tp.Pipeline):
    """Reads the digit in each image file, with a trained network on several clones.

    Args:
        network: The weights: a file that a training wrote.
        clones: How many clones run the network, on one core each.

    Raises:
        UsageError: The file can't be read.
    """

    def __init__(self, network: str | Path = "digits-run/network.pt", clones: int = 2):
        super().__init__()
        net, one_core = load_network(network), tp.ThreadClone(torch_threads=1)
        self.decode = Decode()
        cell = tp.ModuleCell(net, batch=tp.Batching(max_size=32))
        self.network = tp.ScaleUp(cell, clones=[one_core] * clones)
        self.read = Read()

    def build(self, png: bytes) -> Reading:
        reading: Reading = self.read(self.network(self.decode(png)))
        return reading


@dataclass(frozen=True)
class Result:
    """How well a network reads the test digits.

    Attributes:
        right: How many it reads right.
        count: How many there are.
    """

    right: int
    count: int

    def __str__(self) -> str:
        return f"{self.right:,} of {self.count:,} digits read right ({self.right / self.count:.1%})"


class Test(tp.Cell):
    """Reads the test digits as they would be read at work: see `Classify`.

    Args:
        clones: How many clones run the network.
        examples: As for `Train`.
    """

    def __init__(self, clones: int, examples: int):
        super().__init__()
        self.clones, self.examples = clones, examples

    def forward(self, network: Path) -> Result:
        digits = load_digits(self.examples).test
        with Classify(network, self.clones).run() as run:
            read = [reading.digit for reading in run.map(digit.png for digit in digits)]
        right = sum(one == digit.label for one, digit in zip(read, digits, strict=True))
        return Result(right, len(digits))
