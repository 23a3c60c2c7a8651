"""A folder of images."""

import re
from collections.abc import Iterator
from configparser import ConfigParser
from configparser import Error as IniError
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor

from torchpipe.errors import UsageError

from ..video import Picture, VideoInfo
from .input import OnDisk

KINDS = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
RATE = "25"
_RATE = re.compile(r"\d{1,9}(\.\d{1,9})?(/\d{1,9})?")  # more digits would take for ever


@dataclass(frozen=True)
class ImageFolder(OnDisk):
    """The images in a folder, sorted as people do: 2.jpg comes before 10.jpg.

    Other files and hidden ones are left out. All images must have the size of the first one that
    is read. The rate is what MOTChallenge's `seqinfo.ini` beside the folder says, or else 25.

    >>> ImageFolder("PETS09-S2L1/img1").name
    'PETS09-S2L1/img1'
    """

    def probe(self) -> VideoInfo:
        return VideoInfo(
            _rate(Path(self.path).resolve().with_name("seqinfo.ini")), len(self._images())
        )

    def pictures(self) -> Iterator[Picture]:
        same_size = _SameSize()
        for image in self._images():
            yield partial(same_size.read, image)

    def _images(self) -> list[Path]:
        try:
            files = [path for path in Path(self.path).iterdir() if _is_image(path)]
        except OSError as error:
            raise UsageError(
                f"cannot read {self.path}: {error.strerror}. Name a folder of images."
            ) from error
        if not files:
            raise UsageError(
                f"cannot read {self.path}: there is no image in it ({', '.join(KINDS)}). "
                "Name a folder of images, or a video file."
            )
        return sorted(files, key=lambda path: natural(path.name))


class _SameSize:
    """Reads images, and refuses one of another size than the first."""

    def __init__(self) -> None:
        self._first: tuple[Path, int, int] | None = None

    def read(self, path: Path) -> Tensor:
        image = read_image(path)
        height, width = image.shape[:2]
        first, *size = self._first = self._first or (path, width, height)
        if size != [width, height]:
            raise UsageError(
                f"cannot read {path}: it has {width} x {height} pixels, but the first image, "
                f"{first.name}, has {size[0]} x {size[1]}. Scale it, or move it elsewhere."
            )
        return image


def natural(name: str) -> list[tuple[bool, int, str]]:
    """The key that sorts names with numbers in them as people do.

    >>> sorted(["10.jpg", "9.jpg", "a.jpg"], key=natural)
    ['9.jpg', '10.jpg', 'a.jpg']
    """
    parts = re.findall(r"\d+|\D+", name)
    return [(False, int(p), "") if p.isdecimal() else (True, 0, p.lower()) for p in parts]


def read_image(path: Path) -> Tensor:
    """Reads an image, upright: `(height, width, 3)`, RGB, uint8.

    Raises:
        UsageError: It's none, or a broken one.
    """
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}. Make it readable.") from error
    try:
        image = cv2.imdecode(content, cv2.IMREAD_COLOR) if content.size else None
    except cv2.error:  # it has more pixels than OpenCV takes: 2**20 in a row, 2**30 in all
        image = None
    if image is None:
        why = "it is no image, or a broken one" if content.size else "it is empty"
        raise UsageError(f"cannot read {path}: {why}. Give a whole image, or take it away.")
    return torch.from_numpy(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in KINDS and not path.name.startswith(".")


def _rate(ini: Path) -> Fraction:
    sequence = ConfigParser(interpolation=None)
    try:
        sequence.read(ini)
        text = sequence.get("Sequence", "frameRate", fallback=RATE)
        top, _, bottom = (text if _RATE.fullmatch(text) else "0").partition("/")
        rate = Fraction(top) / Fraction(bottom or 1)
        if rate <= 0:
            raise ValueError(f"a frameRate of {text[:40]}")
        return rate
    except (IniError, ValueError, ZeroDivisionError, OSError) as error:
        raise UsageError(f"cannot read {ini}: {error}. Mend it or take it away.") from error
