"""Text on a plate, and the sizes of what is drawn: all of them grow with the frame."""

import colorsys

import cv2
import numpy as np
from numpy.typing import NDArray

from .boxes import Floats

Image = NDArray[np.uint8]
Colour = tuple[int, int, int]

FINE = 3  # OpenCV takes coordinates in 1/8 pixel: boxes glide instead of jumping
WHITE, DARK = (255, 255, 255), (24, 24, 28)

_FONT = cv2.FONT_HERSHEY_DUPLEX
_GOLDEN = 0.618034  # steps of this size around the colour wheel keep neighbours far apart


def unit_of(image: Image) -> float:
    """Returns what one unit of drawing is in pixels: 1 up to 480 lines, and then more."""
    return float(max(1.0, min(image.shape[:2]) / 480))


def colour_of(who: int) -> Colour:
    """Returns the colour of an id: RGB, always the same."""
    red, green, blue = colorsys.hsv_to_rgb(int(who) * _GOLDEN % 1, 0.7, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def put_plate(
    image: Image, foot: tuple[float, float], text: str, ink: Colour, ground: Colour
) -> None:
    """Writes a text on a plate, moved into the frame if need be.

    Args:
        image: Is written into.
        foot: The x and y of the plate's lower left corner.
        text: One line.
        ink: The colour of the text.
        ground: The colour of the plate.
    """
    unit = unit_of(image)
    (width, height), rim = _size(text, unit), _rim(unit)
    x = round(np.clip(foot[0], 0, max(0, image.shape[1] - width)))
    y = round(np.clip(foot[1] - height, 0, max(0, image.shape[0] - height)))
    cv2.rectangle(image, (x, y), (x + width - 1, y + height - 1), ground, cv2.FILLED)
    start = (x + rim, y + height - rim - 1)
    cv2.putText(image, text, start, _FONT, _scale(unit), ink, _pen(unit), cv2.LINE_AA)


def fixed(points: Floats) -> NDArray[np.int32]:
    """Returns coordinates as OpenCV wants them, with `FINE` binary digits after the point."""
    limit = 2.0**20  # far outside of any frame, and inside of what OpenCV takes
    near = np.nan_to_num(points).clip(-limit, limit)
    whole: NDArray[np.int32] = np.rint(near * 2**FINE).astype(np.int32)
    return whole


def _size(text: str, unit: float) -> tuple[int, int]:
    (width, height), _ = cv2.getTextSize(text, _FONT, _scale(unit), _pen(unit))
    return width + 2 * _rim(unit), height + 2 * _rim(unit) + 1


def _scale(unit: float) -> float:
    return 0.45 * unit


def _pen(unit: float) -> int:
    return max(1, int(unit))


def _rim(unit: float) -> int:
    return round(4 * unit)
