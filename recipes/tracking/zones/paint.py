"""Draws zones and what they have counted into a frame."""

import cv2
import numpy as np

from ..plate import DARK, FINE, Colour, Image, fixed, put_plate, unit_of
from .counter import Count, Counts
from .shapes import Line, Zone

_COLOUR: Colour = (255, 196, 0)
_OPACITY = 0.18


def paint(image: Image, counts: Counts) -> None:
    """Draws the zones of the counts into an image, with an arrow where a line counts as in."""
    veil = image.copy() if counts else image
    for count in counts:
        if not isinstance(count.zone, Line):
            cv2.fillPoly(veil, [fixed(count.zone.points)], _COLOUR, cv2.LINE_AA, FINE)
    if counts:
        cv2.addWeighted(veil, _OPACITY, image, 1 - _OPACITY, 0, dst=image)
    for count in counts:
        _outline(image, count.zone)
    for count in counts:
        _write(image, count)


def summary(count: Count) -> str:
    """Returns what a zone has counted, in words."""
    passed = f"in {count.entries}, out {count.exits}"
    return passed if isinstance(count.zone, Line) else f"{passed}, now {len(count.present)}"


def _outline(image: Image, zone: Zone) -> None:
    width, closed = round(2 * unit_of(image)), not isinstance(zone, Line)
    cv2.polylines(image, [fixed(zone.points)], closed, _COLOUR, width, cv2.LINE_AA, FINE)
    if not closed:
        _arrow(image, zone)


def _arrow(image: Image, line: Zone) -> None:
    """From the middle of the line to its right."""
    unit, middle = unit_of(image), line.points.mean(axis=0)
    x, y = line.points[1] - line.points[0]
    tip = middle + 20 * unit * np.array([-y, x]) / np.hypot(x, y)
    start, end = fixed(np.stack([middle, tip])).tolist()
    cv2.arrowedLine(image, start, end, _COLOUR, round(2 * unit), cv2.LINE_AA, FINE, 0.4)


def _write(image: Image, count: Count) -> None:
    points = count.zone.points
    corner = points[points[:, 1].argmin()] if len(points) > 2 else points[0]
    put_plate(image, (corner[0], corner[1]), f"{count.zone.name}: {summary(count)}", DARK, _COLOUR)
