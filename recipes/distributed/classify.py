"""Any `nn.Module` on many GPUs: here one that tells which way stripes run."""

from collections import Counter
from typing import NamedTuple

from torch import Tensor

import torchpipe as tp
from torchpipe.errors import UsageError

from .places import Here, Place
from .spread import Spread, gpu_clones
from .stripes import StripeNet, Stripes


class Answer(NamedTuple):
    """What a classifier says, and where."""

    label: int
    place: Place


class Best(tp.Cell):
    """Takes the best of some scores. It is a number then, no tensor on a GPU of another node."""

    def forward(self, scores: Tensor) -> int:
        return int(scores.argmax())


class Classifier(tp.Pipeline):
    """An `nn.Module` as a classifier, and where it is. Stateless: scale it up."""

    def __init__(self) -> None:
        super().__init__()
        self.net = tp.ModuleCell(StripeNet())
        self.best, self.here = Best(), Here()

    def build(self, image: Tensor) -> Answer:
        return Answer(self.best(self.net(image)), self.here(image))


class Compare(tp.Cell):
    """Counts how many answers are right."""

    stateful = True

    def __init__(self) -> None:
        super().__init__()
        self.answers = Counter[bool]()

    def reset(self) -> None:
        self.answers.clear()

    def forward(self, label: int, truth: int) -> bool:
        self.answers[label == truth] += 1
        return label == truth


class Classification(Spread):
    """Classifies pictures on many GPUs at once, and compares the answers with the truth.

    For each picture, in order, it gives the label, whether it is right, and the `Place` where the
    network ran. The truth waits beside the network: were the order lost, answers would be wrong.

    Args:
        pictures: How many.
        clones: Networks that work at the same time, each a process of its own.
        gpus: GPUs for each of them; a fraction shares one, 0 computes on the CPU.
        simulate: The GPUs exist in name only, so that the CPU computes. Without an address of a
            cluster, it is one of three nodes on this machine, which lasts as long as the run.

    Raises:
        UsageError: A number makes no sense.
    """

    def __init__(
        self, pictures: int = 240, clones: int = 3, gpus: float = 1, simulate: bool = False
    ):
        super().__init__(simulate)
        if pictures < 0:
            raise UsageError(f"cannot run with --pictures {pictures}: give 0 or more.")
        self.source = Stripes(pictures)
        self.classify = tp.ScaleUp(Classifier(), gpu_clones(clones, gpus, simulate))
        self.compare = Compare()

    def build(self) -> tuple[int, bool, Place]:
        image, truth = self.source()
        label, place = self.classify(image)
        self.count(place)
        return label, self.compare(label, truth), place

    def summary(self) -> dict[str, str]:
        answers = self.compare.answers
        return {**super().summary(), "right": f"{answers[True]} of {answers.total()}"}
