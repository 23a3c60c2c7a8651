"""The digits recipe's network as a service: image files in, digits out."""

import torchpipe as tp

from ..digits.cells import Reading
from ..digits.classify import Classify
from .image_file import ImageFile


class DigitReader(tp.Pipeline):
    """Reads the handwritten digit in each image, white on black.

    Images that wait go through the network as one batch, whoever sent them.

    Args:
        network: The weights: a file that `torchpipe run digits` wrote.
        clones: How many clones run the network, on one core each.

    Raises:
        UsageError: The file can't be read.
    """

    def __init__(self, network: str = "digits-run/network.pt", clones: int = 2):
        super().__init__()
        self.read = Classify(network, clones)

    def build(self, image: ImageFile) -> Reading:
        reading: Reading = self.read(image)
        return reading
