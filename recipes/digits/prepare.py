"""The pipeline before the training step: from PNG files to augmented images."""

from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader

import torchpipe as tp
from torchpipe.train import Feed

from .cells import Augment, Decode, collate
from .data import Digit
from .task import Task


class Prepare(tp.Pipeline):
    """From a PNG file and its label to what a network is trained on: an image and the label.

    Args:
        clones: How many clones augment images, on one core each; 0 leaves images as they are.
    """

    def __init__(self, clones: int):
        super().__init__()
        self.decode = Decode()
        one_core = tp.ThreadClone(torch_threads=1)
        self.augment = tp.ScaleUp(Augment(), clones=[one_core] * clones) if clones else None

    def build(self, png: bytes, label: int) -> tuple[Tensor, int]:
        image = self.decode(png)
        return image if self.augment is None else self.augment(image), label


def source_of(digits: list[Digit], *, shuffle: bool = False) -> tp.DataLoaderSource:
    """Gives digits one by one: `png` and `label`; shuffled, in another order in each epoch."""
    dataset: Any = digits  # a list will do
    loader: DataLoader[Any] = DataLoader(dataset, batch_size=None, shuffle=shuffle)
    return tp.DataLoaderSource(loader, ports=("png", "label"))


def feed_of_training(task: Task) -> Feed:
    """Gives batches to learn from, shuffled and augmented; each loop over it is an epoch."""
    prepare, digits = Prepare(task.clones), task.digits.train
    size, seed = task.batch_size, task.seed
    return Feed(prepare, digits, batch_size=size, collate=collate, shuffle=True, seed=seed)


def feed_of_test(task: Task) -> Feed:
    """Gives batches of test digits, as they are."""
    return Feed(Prepare(0), task.digits.test, batch_size=250, collate=collate)
