"""Draws tracks into a frame: a box and a number for each person, the way they came, a heading."""

import colorsys

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .boxes import Floats, Tracks
from .trails import Trails

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

_FONT = cv2.FONT_HERSHEY_DUPLEX
_GOLDEN = 0.618034  # steps of this size around the colour wheel keep neighbours far apart
_WHITE, _DARK = (255, 255, 255), (24, 24, 28)
_TRAIL_OPACITY = 0.75
_FINE = 3  # OpenCV takes coordinates in 1/8 pixel: boxes glide instead of jumping


def draw(frame: Tensor, tracks: Tracks, trails: Trails) -> Tensor:
    """Returns a copy of the frame, `(height, width, 3)`, with the tracks drawn into it."""
    image = frame.numpy(force=True).copy()
    unit = max(1.0, min(image.shape[:2]) / 480)
    _draw_trails(image, trails, unit)
    for row in reversed(range(len(tracks))):  # the newest last, on top
        _draw_box(image, tracks.boxes[row], colour_of(tracks.ids[row]), unit)
    for row in reversed(range(len(tracks))):
        _draw_number(image, tracks.boxes[row], int(tracks.ids[row]), unit)
    _draw_heading(image, f"frame {tracks.frame}   tracks {len(tracks)}", unit)
    return torch.from_numpy(image)


def colour_of(who: int) -> Colour:
    """Returns the colour of an id: RGB, always the same."""
    red, green, blue = colorsys.hsv_to_rgb(int(who) * _GOLDEN % 1, 0.7, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def _draw_trails(image: Image, trails: Trails, unit: float) -> None:
    veil = image.copy()
    for who in np.unique(trails.ids):
        points = _fixed(trails.points[trails.ids == who])
        colour, width = colour_of(who), round(2 * unit)
        cv2.polylines(veil, [points], False, colour, width, cv2.LINE_AA, _FINE)
    cv2.addWeighted(veil, _TRAIL_OPACITY, image, 1 - _TRAIL_OPACITY, 0, dst=image)


def _draw_box(image: Image, box: Floats, colour: Colour, unit: float) -> None:
    top_left, bottom_right = _fixed(box.reshape(2, 2)).tolist()
    cv2.rectangle(image, top_left, bottom_right, colour, round(2 * unit), cv2.LINE_AA, _FINE)


def _draw_number(image: Image, box: Floats, who: int, unit: float) -> None:
    """Writes the id on a plate of its colour above the box, moved into the frame if need be."""
    width, height = _plate_size(str(who), unit)
    x = np.clip(box[0], 0, max(0, image.shape[1] - width))
    y = np.clip(box[1] - height, 0, max(0, image.shape[0] - height))
    _draw_plate(image, (round(x), round(y)), str(who), _DARK, colour_of(who), unit)


def _draw_heading(image: Image, text: str, unit: float) -> None:
    gap = round(8 * unit)
    _draw_plate(image, (gap, gap), text, _WHITE, _DARK, unit)


def _draw_plate(
    image: Image, corner: tuple[int, int], text: str, ink: Colour, ground: Colour, unit: float
) -> None:
    (x, y), (width, height), rim = corner, _plate_size(text, unit), _rim(unit)
    cv2.rectangle(image, (x, y), (x + width - 1, y + height - 1), ground, cv2.FILLED)
    foot = (x + rim, y + height - rim - 1)
    cv2.putText(image, text, foot, _FONT, _size(unit), ink, _pen(unit), cv2.LINE_AA)


def _plate_size(text: str, unit: float) -> tuple[int, int]:
    (width, height), _ = cv2.getTextSize(text, _FONT, _size(unit), _pen(unit))
    return width + 2 * _rim(unit), height + 2 * _rim(unit) + 1


def _size(unit: float) -> float:
    return 0.45 * unit


def _pen(unit: float) -> int:
    return max(1, int(unit))


def _rim(unit: float) -> int:
    return round(4 * unit)


def _fixed(points: Floats) -> NDArray[np.int32]:
    limit = 2.0**20  # far outside of any frame, and inside of what OpenCV takes
    fixed: NDArray[np.int32] = np.rint(points.clip(-limit, limit) * 2**_FINE).astype(np.int32)
    return fixed
