"""`ImageFile`: an image file in a request, refused before it is in the run if it is none."""

from io import BytesIO
from typing import Annotated

from PIL import Image
from pydantic import AfterValidator

MOST_PIXELS = 16_000_000


def image_file(data: bytes) -> bytes:
    """Returns the bytes of an image file as they are, if they are whole.

    Raises:
        ValueError: They are no image, a damaged one, or a huge one.
    """
    try:
        pixels = pixels_in(data)
    except Exception:  # those of Pillow, and many of its formats have others
        raise ValueError("it is no image file, or a damaged one: send PNG, JPEG ...") from None
    if pixels > MOST_PIXELS:
        raise ValueError(f"the image has {pixels:,} pixels: send at most {MOST_PIXELS:,}")
    return data


def pixels_in(data: bytes) -> int:
    """Returns how many pixels an image has; it is read to its end unless they are too many."""
    with Image.open(BytesIO(data)) as image:
        pixels = image.width * image.height
        if pixels <= MOST_PIXELS:
            image.draft(None, (1, 1))  # of a JPEG, an eighth of the pixels is enough
            image.load()
    return pixels


ImageFile = Annotated[bytes, AfterValidator(image_file)]
"""The type of an input: a file in a form, base64 in JSON."""
