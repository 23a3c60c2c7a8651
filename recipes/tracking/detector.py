"""Finds people in frames of any size, by running SSDLite over square tiles.

The network sees 300 x 300 pixels. Squeezing a wide frame into that would distort the people in it,
so the frame is cut into overlapping squares, which go through the network in batches.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from .boxes import Detections, join, suppress
from .ssdlite import SIZE, SSDLite

PERSON = 0
_OVERLAP, _OVERLAP_OF_SMALL = 0.5, 0.25  # of neighbours, at least, in units of their side
_RIM = 0.01


class Tile(NamedTuple):
    """A square part of a frame, in pixels."""

    left: int
    top: int
    side: int


class PersonDetector:
    """Finds people.

    Args:
        net: The network, on any device.
        levels: 1 cuts the frame into squares as high as the frame (or as wide, if it stands
            upright). Each further level adds squares of half the side of the last: it finds people
            who are further away, and takes about five times as long.
        max_overlap: Of two boxes that overlap by more, as intersection over union, one is dropped.
        batch: Most tiles that go through the network at once. A GPU likes 16; on a CPU more than 2
            are slower, because finding memory for so many maps takes longer than is saved.

    Example:
        >>> detector = PersonDetector(SSDLite())
        >>> detector(torch.zeros(480, 640, 3, dtype=torch.uint8), min_score=0.6)
        Detections(boxes=tensor([], size=(0, 4)), scores=tensor([]), ...)
    """

    def __init__(self, net: SSDLite, levels: int = 1, max_overlap: float = 0.5, batch: int = 2):
        self.net, self.levels, self.max_overlap, self.batch = net, levels, max_overlap, batch

    @torch.inference_mode()
    def __call__(self, frame: Tensor, min_score: float) -> Detections:
        """Returns who is in one frame, surest first.

        Args:
            frame: RGB of shape `(height, width, 3)`, uint8.
            min_score: Leave out what the network is less sure of, 0 to 1.
        """
        height, width, _ = frame.shape
        tiles = list(make_tiles(width, height, self.levels))
        image = frame.to(self.net.anchors.device).permute(2, 0, 1)
        images = torch.cat([_cut(image, tile) for tile in tiles])
        batches = [self.net(batch) for batch in torch.split(images, self.batch)]
        boxes, scores = (torch.cat(parts).cpu() for parts in zip(*batches, strict=True))
        found = zip(tiles, boxes, scores, strict=True)
        parts = [_in_frame(*part, width, height, min_score) for part in found]
        return suppress(join(parts), self.max_overlap)


def make_tiles(width: int, height: int, levels: int) -> Iterator[Tile]:
    """Yields squares that cover a frame, each level after the other.

    Neighbours overlap, so that everyone who is narrower than the overlap is whole in one of them.
    Small tiles overlap less: whom they cut off, a larger one shows.
    """
    for level in range(levels):
        side = max(1, min(width, height) >> level)
        overlap = _OVERLAP if level == 0 else _OVERLAP_OF_SMALL
        for top in _starts(height, side, overlap):
            for left in _starts(width, side, overlap):
                yield Tile(left, top, side)


def _starts(length: int, side: int, overlap: float) -> list[int]:
    steps = math.ceil((length - side) / (side * (1 - overlap)))
    return [round(i * (length - side) / max(1, steps)) for i in range(steps + 1)]


def _cut(image: Tensor, tile: Tile) -> Tensor:
    part = image[:, tile.top : tile.top + tile.side, tile.left : tile.left + tile.side]
    return functional.interpolate(part[None], size=(SIZE, SIZE), mode="bilinear")


def _in_frame(
    tile: Tile, boxes: Tensor, scores: Tensor, width: int, height: int, min_score: float
) -> Detections:
    """Returns what one tile shows, in pixels of the frame, without those whom its rim cuts off."""
    sure = scores >= min_score
    boxes, scores = boxes[sure].clamp(0, 1), scores[sure]
    free = boxes.new_tensor(
        [
            _RIM if tile.left > 0 else -1,
            _RIM if tile.top > 0 else -1,
            1 - _RIM if tile.left + tile.side < width else 2,
            1 - _RIM if tile.top + tile.side < height else 2,
        ]
    )
    whole = ((boxes[:, :2] > free[:2]) & (boxes[:, 2:] < free[2:])).all(dim=1)
    corner = boxes.new_tensor([tile.left, tile.top] * 2)
    boxes, scores = boxes[whole] * tile.side + corner, scores[whole]
    return Detections(boxes, scores, torch.full((len(boxes),), PERSON))
