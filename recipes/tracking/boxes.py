"""Boxes in the corners' form, x1, y1, x2, y2 in pixels: what detectors find and trackers follow."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]

FAR = 1e9  # pixels: who is further away is nowhere


@dataclass(frozen=True)
class Detections:
    """What a detector finds in one frame; any detector that returns this can be tracked.

    All tensors are on the CPU.

    Attributes:
        boxes: `(N, 4)`: x1, y1, x2, y2 in pixels of the frame.
        scores: `(N,)`: how sure the detector is, 0 to 1.
        labels: `(N,)`: int64, the class of each.

    Example:
        >>> len(Detections.none())
        0
    """

    boxes: Tensor
    scores: Tensor
    labels: Tensor

    @classmethod
    def none(cls) -> "Detections":
        """Returns the detections of an empty frame."""
        return cls(torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64))

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, chosen: Tensor) -> "Detections":
        return Detections(self.boxes[chosen], self.scores[chosen], self.labels[chosen])


@dataclass(frozen=True)
class Tracks:
    """The tracks that one frame shows. All arrays have one row per track.

    Attributes:
        frame: The frame's number, from 1.
        ids: `(N,)`: who it is; the same number in every frame, from 1.
        boxes: `(N, 4)`: x1, y1, x2, y2 in pixels of the frame.
        scores: `(N,)`: the score of the detection that was matched last.
        labels: `(N,)`: its class.
    """

    frame: int
    ids: Integers
    boxes: Floats
    scores: Floats
    labels: Integers

    def __len__(self) -> int:
        return len(self.ids)


def sure(detections: Detections, least: float) -> Detections:
    """Returns the detections that are sure enough, without those that are no finite numbers.

    Args:
        detections: What to choose from.
        least: The lowest score, 0 to 1.

    Example:
        >>> boxes = torch.tensor([[0.0, 0, 9, 9], [0, 0, 9, torch.nan], [0, 0, 9, 9]])
        >>> sure(Detections(boxes, torch.tensor([0.9, 0.9, torch.inf]), torch.zeros(3)), 0.5).scores
        tensor([0.9000])
    """
    boxes, scores = detections.boxes, detections.scores
    chosen = (scores >= least) & scores.isfinite() & boxes.isfinite().all(dim=1)
    return detections[chosen]


def finite(tracks: Tracks) -> Tracks:
    """Returns the tracks without those of which a coordinate is no number, or infinite."""
    sound = np.isfinite(tracks.boxes).all(axis=1)
    if sound.all():
        return tracks
    return Tracks(
        tracks.frame,
        tracks.ids[sound],
        tracks.boxes[sound],
        tracks.scores[sound],
        tracks.labels[sound],
    )


def feet_of(tracks: Tracks) -> Floats:
    """Returns where the tracks stand, `(N, 2)`: the middle of the lower edge of each box."""
    feet: Floats = np.stack([tracks.boxes[:, [0, 2]].mean(axis=1), tracks.boxes[:, 3]], axis=1)
    return feet


def join(parts: Sequence[Detections]) -> Detections:
    """Returns the detections of all parts as one."""
    return Detections(
        torch.cat([part.boxes for part in parts]),
        torch.cat([part.scores for part in parts]),
        torch.cat([part.labels for part in parts]),
    )


def overlaps(some: Floats, others: Floats, border: float = 0.0) -> Floats:
    """Returns the intersection over union of each of N boxes with each of M others: `(N, M)`.

    Args:
        some: `(N, 4)`: x1, y1, x2, y2 in pixels.
        others: `(M, 4)`, likewise.
        border: In pixels. With 1, corners are the pixels of the corners: all is wider and higher by
            one.
    """
    these, those = some.T[:, :, None], others.T[:, None]
    common = np.minimum(these[2:], those[2:])
    common -= np.maximum(these[:2], those[:2])
    common += border
    np.maximum(common, 0, out=common)
    both = common[0] * common[1]
    union = _area(these, border) + _area(those, border) - both
    shares: Floats = np.divide(both, union, out=both, where=union > 0)
    return shares


def _area(corners: Floats, border: float) -> Floats:
    size = corners[2:] - corners[:2]
    size += border
    area: Floats = size[0] * size[1]
    return area


def tame(boxes: ArrayLike) -> Floats:
    """Returns boxes, `(N, 4)`, that can be computed with: what is no number is 0, and none is far.

    >>> tame([[1, 2, np.nan, np.inf]])
    array([[1., 2., 0., 0.]])
    """
    corners = np.asarray(boxes, np.float64).reshape(-1, 4)
    return np.where(np.abs(corners) < FAR, corners, 0.0)


def suppress(detections: Detections, max_overlap: float) -> Detections:
    """Keeps the best of each heap of boxes of one class by greedy non-maximum suppression.

    Args:
        detections: What to choose from.
        max_overlap: A box is dropped if its intersection over union with a better one is larger.

    Returns:
        Those that are left, the best first.
    """
    ranked = detections[detections.scores.argsort(descending=True, stable=True)]
    boxes, labels = ranked.boxes.double().numpy(), ranked.labels.numpy()
    rivals = (overlaps(boxes, boxes) > max_overlap) & (labels[:, None] == labels)
    kept = np.ones(len(ranked), dtype=bool)
    for best in range(len(ranked)):
        if kept[best]:
            kept[best + 1 :] &= ~rivals[best, best + 1 :]
    return ranked[torch.from_numpy(kept)]
