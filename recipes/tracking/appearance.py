"""What people look like, as vectors: the colours of their clothes, or what a network says.

A describer takes a frame, `(height, width, 3)` RGB uint8, and boxes, `(N, 4)` x1, y1, x2, y2 in
pixels. It returns looks, `(N, any)` float32 of length 1, or of zeros where a box shows nothing.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn
from torch.nn import functional

from .boxes import Floats, tame

Describer = Callable[[Tensor, ArrayLike], Tensor]
Corners = tuple[int, int, int, int]

_BINS = (16, 4, 4)  # of hue, saturation and value
_RANGES = (0, 180, 0, 256, 0, 256)  # as OpenCV has them


class Colours:
    """A histogram of colours for each of some stripes: about head, trunk and legs.

    The likeness of two looks is Bhattacharyya's coefficient of their histograms (Bhattacharyya
    1943): a look is the square root of one.

    Args:
        stripes: How many stripes of a box are described, one below the other.
        inset: What is left out at the left and at the right, as a share of the width: more of the
            background is there.

    Example:
        >>> red = torch.zeros(40, 20, 3, dtype=torch.uint8)
        >>> red[..., 0] = 255
        >>> looks = Colours()(red, [[0, 0, 20, 40]])
        >>> looks.shape, round(looks.norm().item(), 6)
        (torch.Size([1, 768]), 1.0)
    """

    def __init__(self, stripes: int = 3, inset: float = 0.2):
        self.stripes, self.inset = stripes, inset

    def __call__(self, frame: Tensor, boxes: ArrayLike) -> Tensor:
        """Describes what is in each box.

        Args:
            frame: `(height, width, 3)` RGB uint8.
            boxes: `(N, 4)`: x1, y1, x2, y2 in pixels.

        Returns:
            Looks, `(N, any)` float32 of length 1, or of zeros where a box shows nothing.
        """
        image, places = frame.numpy(force=True), _inside(frame, boxes, self.inset)
        looks = np.zeros((len(places), self.stripes * int(np.prod(_BINS))), np.float32)
        for look, (left, top, right, down) in zip(looks, places, strict=True):
            if left < right and top < down:
                look[:] = self._look(image[top:down, left:right])
        return torch.from_numpy(looks)

    def _look(self, image: NDArray[np.uint8]) -> Floats:
        picture: Any = cv2.cvtColor(image, cv2.COLOR_RGB2HSV)
        edges = np.linspace(0, len(picture), self.stripes + 1)
        counts = [
            _histogram(picture[int(top) : int(np.ceil(down))]) for top, down in pairwise(edges)
        ]
        look: Floats = np.sqrt(np.concatenate(counts) / self.stripes)
        return look


def _histogram(picture: NDArray[np.uint8]) -> Floats:
    counts: Any = cv2.calcHist([picture], [0, 1, 2], None, _BINS, _RANGES).ravel()
    shares: Floats = counts / counts.sum()
    return shares


class Embedding:
    """What a network says of each box.

    Args:
        net: Takes `(N, 3, height, width)` float32, RGB from 0 to 1, and returns `(N, any)`. It
            stays on the device where it is.
        height: What boxes are scaled to, in pixels.
        width: Likewise, in pixels.

    Example:
        >>> describe = Embedding(nn.Flatten(), height=4, width=2)
        >>> describe(torch.ones(9, 9, 3, dtype=torch.uint8), [[1, 1, 5, 8]]).shape
        torch.Size([1, 24])
    """

    def __init__(self, net: nn.Module, height: int = 128, width: int = 64):
        self.net, self.height, self.width = net.eval(), height, width
        self._device = next((part.device for part in net.parameters()), torch.device("cpu"))

    @torch.no_grad()
    def __call__(self, frame: Tensor, boxes: ArrayLike) -> Tensor:
        """Describes what is in all boxes, in one call of the network.

        Args:
            frame: `(height, width, 3)` RGB uint8.
            boxes: `(N, 4)`: x1, y1, x2, y2 in pixels.

        Returns:
            Looks, `(N, any)` float32 of length 1, or of zeros where a box shows nothing.
        """
        places = _inside(frame, boxes)
        seen = [left < right and top < down for left, top, right, down in places]
        crops = [self._crop(frame, place) for place, any_ in zip(places, seen, strict=True) if any_]
        nothing = torch.zeros(1, 3, self.height, self.width)  # tells how long looks are
        said = self.net(torch.cat([*crops, nothing]).to(self._device))[: len(crops)]
        looks = torch.zeros(len(places), said.shape[1])
        looks[torch.tensor(seen, dtype=torch.bool)] = functional.normalize(said.float()).cpu()
        return looks

    def _crop(self, frame: Tensor, place: Corners) -> Tensor:
        left, top, right, down = place
        crop = frame[top:down, left:right].cpu().permute(2, 0, 1)[None].float() / 255
        size = (self.height, self.width)
        return functional.interpolate(crop, size, mode="bilinear", align_corners=False)


def _inside(frame: Tensor, boxes: ArrayLike, inset: float = 0.0) -> list[Corners]:
    """Returns the pixels of each box that are in the frame."""
    height, width = frame.shape[:2]
    corners = tame(boxes)
    margin = inset * (corners[:, 2] - corners[:, 0])
    left, right = np.floor(corners[:, 0] + margin), np.ceil(corners[:, 2] - margin)
    edges = [left, np.floor(corners[:, 1]), right, np.ceil(corners[:, 3])]
    limits = [width, height, width, height]
    inside = [edge.clip(0, most).astype(int) for edge, most in zip(edges, limits, strict=True)]
    return [tuple(place) for place in np.transpose(inside).tolist()]
