"""A camera at this computer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial

import cv2
import torch
from torch import Tensor

from torchpipe.errors import UsageError

from ..video import Picture, VideoInfo


@dataclass(frozen=True)
class Camera:
    """A camera by its number: 0 is the first one. When it is unplugged, that is an error.

    Attributes:
        number: Its number.
        connect: Opens it; anything that makes a `cv2.VideoCapture` will do.

    >>> Camera(0).name
    'camera 0'
    """

    number: int
    connect: Callable[[int], cv2.VideoCapture] = field(default=cv2.VideoCapture, repr=False)
    live = True

    @property
    def name(self) -> str:
        return f"camera {self.number}"

    def probe(self) -> VideoInfo:
        with self._open() as capture:
            rate = Fraction(capture.get(cv2.CAP_PROP_FPS)).limit_denominator(1001)
        return VideoInfo(rate if rate > 0 else Fraction(25), None)

    def pictures(self) -> Iterator[Picture]:
        with self._open() as capture:
            while True:
                there, pixels = capture.read()
                if not there:
                    raise UsageError(
                        f"cannot read {self.name}: it gives no more frames. Plug it in."
                    )
                yield partial(_unpacked, pixels)

    @contextmanager
    def _open(self) -> Iterator[cv2.VideoCapture]:
        capture = self.connect(self.number)
        try:
            if not capture.isOpened():
                raise UsageError(
                    f"cannot read {self.name}: there is none, or another program uses it. Plug it "
                    "in, or name another one; 0 is the first."
                )
            yield capture
        finally:
            capture.release()


def _unpacked(pixels: cv2.typing.MatLike) -> Tensor:
    return torch.from_numpy(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
