"""Draws tracks into a frame: a box and a caption for each, the way they came, zones, a heading."""

from collections.abc import Collection, Sequence

import cv2
import numpy as np
import torch
from torch import Tensor

from torchpipe.errors import UsageError

from .boxes import Floats, Tracks, finite
from .plate import DARK, FINE, WHITE, Colour, Image, colour_of, fixed, put_plate, unit_of
from .trails import Trails
from .zones.counter import Counts
from .zones.paint import paint

PARTS = ("boxes", "ids", "labels", "scores", "trails", "zones", "heading")
USUAL = ("boxes", "ids", "trails", "zones", "heading")

_TRAIL_OPACITY = 0.75


def parts_of(text: str) -> frozenset[str]:
    """Returns what a text such as `boxes,ids` names.

    Raises:
        UsageError: It names something that cannot be drawn.

    Example:
        >>> sorted(parts_of("boxes, ids"))
        ['boxes', 'ids']
        >>> parts_of("none")
        frozenset()
    """
    words = frozenset(filter(None, map(str.strip, text.split(",")))) - {"none"}
    wrong = sorted(words - {"all", *PARTS})
    if wrong:
        known = ",".join(PARTS)
        raise UsageError(
            f"cannot draw {', '.join(wrong)}: give --draw some of {known}, or all, or none."
        )
    return frozenset(PARTS) if "all" in words else words


def draw(
    frame: Tensor,
    tracks: Tracks,
    trails: Trails,
    counts: Counts = (),
    parts: Collection[str] = USUAL,
    names: Sequence[str] = (),
) -> Tensor:
    """Returns a copy of the frame, `(height, width, 3)`, with the tracks drawn into it.

    Args:
        frame: RGB, uint8.
        tracks: Who is there.
        trails: Where they have been.
        counts: What the zones have counted.
        parts: What to draw: some of `PARTS`.
        names: What each class is called; others are shown by their number.
    """
    image, shown = frame.numpy(force=True).copy(), finite(tracks)
    if "zones" in parts:
        paint(image, counts)
    if "trails" in parts:
        _draw_trails(image, trails)
    for row in reversed(range(len(shown))):  # the newest last, on top
        if "boxes" in parts:
            _draw_box(image, shown.boxes[row], colour_of(shown.ids[row]))
    for row in reversed(range(len(shown))):
        _draw_caption(image, shown, row, _caption(shown, row, parts, names))
    if "heading" in parts:
        _draw_heading(image, f"frame {tracks.frame}   tracks {len(shown)}")
    return torch.from_numpy(image)


def _draw_trails(image: Image, trails: Trails) -> None:
    if len(trails.ids) == 0:
        return
    veil, width = image.copy(), round(2 * unit_of(image))
    for who in np.unique(trails.ids):
        points = fixed(trails.points[trails.ids == who])
        cv2.polylines(veil, [points], False, colour_of(who), width, cv2.LINE_AA, FINE)
    cv2.addWeighted(veil, _TRAIL_OPACITY, image, 1 - _TRAIL_OPACITY, 0, dst=image)


def _draw_box(image: Image, box: Floats, colour: Colour) -> None:
    top_left, bottom_right = fixed(box.reshape(2, 2)).tolist()
    width = round(2 * unit_of(image))
    cv2.rectangle(image, top_left, bottom_right, colour, width, cv2.LINE_AA, FINE)


def _caption(tracks: Tracks, row: int, parts: Collection[str], names: Sequence[str]) -> str:
    label = int(tracks.labels[row])
    words = {
        "ids": str(tracks.ids[row]),
        "labels": names[label] if 0 <= label < len(names) else f"class {label}",
        "scores": f"{tracks.scores[row]:.2f}",
    }
    return " ".join(word for part, word in words.items() if part in parts)


def _draw_caption(image: Image, tracks: Tracks, row: int, text: str) -> None:
    """Writes on a plate of the track's colour above its box."""
    if text:
        x, y = tracks.boxes[row, :2]
        put_plate(image, (x, y), text, DARK, colour_of(tracks.ids[row]))


def _draw_heading(image: Image, text: str) -> None:
    unit = unit_of(image)
    put_plate(image, (8 * unit, 27 * unit), text, WHITE, DARK)
