"""Arrays as pictures: which can be one, and how it gets to a browser."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
from PIL import Image

WIDTH = 640
"""Pixels of a picture that is shown, at most."""

SMALLEST = 8
"""Pixels of a side from which on an array of numbers is taken for a picture."""

KEPT = 2_000_000
"""Pixels of a picture that are copied while the item waits."""

Pixels = np.ndarray[Any, Any]


def picture_of(array: Any) -> Pixels | None:
    """A copy of the pixels of a picture, thinned out if there are many; None if it is none.

    Args:
        array: An array or tensor. Pictures are `(height, width)` or `(height, width, channels)` in
            uint8 or bool, and `(channels, height, width)` in uint8 or floats; 1, 3 or 4 channels.
            Of a batch `(n, channels, height, width)` it is the first one.

    Returns:
        `(height, width)` or `(height, width, channels)`, in the dtype that they were.
    """
    kind = str(array.dtype).removeprefix("torch.")
    if array.ndim == 4 and array.shape[0]:
        array = array[0]
    shape = tuple(array.shape)
    first = len(shape) == 3 and shape[0] in (1, 3, 4) and ("float" in kind or kind == "uint8")
    last = kind in ("uint8", "bool") and (len(shape) == 2 or shape[2:] in ((1,), (3,), (4,)))
    height, width = shape[1:] if first and not last else shape[:2] if last else (0, 0)
    if min(height, width) < SMALLEST:
        return None
    step = max(1, int(np.ceil(np.sqrt(height * width / KEPT))))
    thin = array[:, ::step, ::step] if not last else array[::step, ::step]
    thin = np.array(as_numpy(thin))
    return thin if last else np.moveaxis(thin, 0, -1)


def as_numpy(array: Any) -> Any:
    """An array, or a tensor in a dtype that NumPy has, on the CPU; not copied if it need not be."""
    if not hasattr(array, "detach"):
        return array
    return (array.float() if array.is_floating_point() else array).cpu().numpy()


def encoded(pixels: Pixels) -> str:
    """A picture as a data address, a PNG of at most 640 pixels' width."""
    image, file = Image.fromarray(shades(pixels)), io.BytesIO()
    image.reduce(-(-image.width // WIDTH)).save(file, "png", compress_level=1)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"


def shades(pixels: Pixels) -> Pixels:
    """The pixels in uint8, in three channels or four."""
    if pixels.dtype == np.bool_:
        pixels = pixels * np.uint8(255)
    if pixels.dtype != np.uint8:
        pixels = spread(pixels)
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.shape[2] == 1:
        pixels = np.repeat(pixels, 3, axis=2)
    return pixels


def spread(pixels: Pixels) -> Pixels:
    """Floats as shades: 0 to 1 as they are, else from the least to the greatest."""
    finite = np.nan_to_num(pixels.astype(np.float32), posinf=0.0, neginf=0.0)
    least, most = float(finite.min()), float(finite.max())
    if least < 0.0 or most > 1.0:
        finite = (finite - least) / max(most - least, 1e-9)
    return (finite * 255 + 0.5).astype(np.uint8)
