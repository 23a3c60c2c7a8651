"""`VideoSource`: the frames of any input, as a cell."""

import threading
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path

from torch import Tensor

import torchpipe as tp
from torchpipe.errors import UsageError

from ..video import Picture
from .address import Address
from .again import Again
from .camera import Camera
from .file import VideoFile
from .folder import ImageFolder
from .input import Input
from .losses import Losses
from .newest import Newest


class VideoSource(tp.Cell):
    """Gives the frames of an input: tensors of shape `(height, width, 3)`, RGB, uint8.

    `start`, `end` and `stride` choose frames as `range` does, and count from 0 in the input. What
    follows numbers the frames that it gets: the n-th of them, from 1, is frame
    `start + (n - 1) * stride` of the input.

    What is live and disappears is connected to again; see `Again`. A run that goes on where it
    was saved goes on with what it shows then.

    Args:
        video: A video file, a folder of images, the number of a camera as text ("0"), an address,
            or an `Input` of your own. A file that has a number for a name is "./0".
        start: The first frame.
        end: The frame before which to stop. Default: the end of the input.
        stride: Take every n-th frame.
        realtime: Keep up with something live: what comes while nobody asks is dropped here, so that
            the newest frame is next.
        again: What to do when something live disappears.

    Attributes:
        losses: What was dropped in the last epoch. The copies that runs make share it.

    Raises:
        UsageError: The numbers choose nothing.
    """

    def __init__(
        self,
        video: str | Path | Input,
        start: int = 0,
        end: int | None = None,
        stride: int = 1,
        realtime: bool = False,
        again: Again | None = None,
    ):
        super().__init__()
        _check_choice(start, end, stride)
        self.video, self.input = video, input_of(video)
        self.start, self.end, self.stride = start, end, stride
        self.realtime, self.again = realtime, again or Again()
        self.losses = Losses()
        self._skipped = 0

    @property
    def rate(self) -> Fraction:
        """Frames per second of those that are taken."""
        return self.input.probe().rate / self.stride

    def check(self) -> None:
        """Opens the input once, to see whether it can be read.

        Raises:
            UsageError: It can't, it has too few frames, or it isn't live and should be.
        """
        frames = self.input.probe().frames
        if frames is not None and frames <= self.start:
            raise self._too_short(frames)
        if self.realtime and not self.input.live:
            raise UsageError(
                f"cannot read {self.input.name} in real time: it waits, so nothing needs to be "
                "dropped. Leave out --realtime; --stride takes every n-th frame."
            )

    def setup(self, clone: tp.Clone) -> None:
        self._over = threading.Event()

    def interrupt(self) -> None:
        self._over.set()

    def reset(self) -> None:
        self._skipped = 0
        self.losses.reset()

    def seek(self, epoch: int, item: int) -> bool:
        self._skipped = 0 if self.input.live else item
        return True

    def forward(self) -> Iterator[Tensor]:
        chosen = self.chosen()
        shown = Newest(chosen, self.losses.drop) if self.realtime else nullcontext(chosen)
        with shown as pictures:
            for picture in pictures:
                yield picture()

    def chosen(self) -> Iterator[Picture]:
        """Yields the frames that are taken, not yet unpacked."""
        first = self.start + self._skipped * self.stride
        none = True
        for picture in islice(self._pictures(), first, self.end, self.stride):
            if self.losses.left:
                return
            none = False
            yield picture
        if none and not self._skipped:
            raise self._too_short(None)

    def _pictures(self) -> Iterator[Picture]:
        return self._live() if self.input.live else self.input.pictures()

    def _live(self) -> Iterator[Picture]:
        try:
            yield from self.again.pictures(self.input, self.losses.come_back, self._over)
        except UsageError:
            self.losses.gone = True
            raise

    def __length_hint__(self) -> int:
        """How many frames there will be; 0 if nobody knows."""
        frames = self.input.probe().frames
        if frames is None:
            frames = self.end or 0
        return len(range(frames)[self.start : self.end : self.stride])

    def _too_short(self, frames: int | None) -> UsageError:
        has = "fewer frames" if frames is None else f"{frames} frames"
        where = f"frame {self.start} of {self.input.name}"
        return UsageError(f"cannot start at {where}: it has {has}. Give a smaller --start.")


def open_input(
    video: str | Path,
    start: int = 0,
    end: int | None = None,
    stride: int = 1,
    realtime: bool = False,
) -> VideoSource:
    """Makes the source for an input, and makes sure that it can be read: see `VideoSource`.

    Raises:
        UsageError: It can't, or the numbers choose nothing.
    """
    source = VideoSource(video, start, end, stride, realtime)
    source.check()
    return source


def input_of(video: str | Path | Input) -> Input:
    """What a text stands for.

    >>> input_of("0"), input_of("rtsp://camera/1"), input_of("street.mp4")
    (Camera(number=0), Address(text='rtsp://camera/1', timeout=5.0), VideoFile(path='street.mp4'))
    """
    if not isinstance(video, str | Path):
        return video
    if isinstance(video, str) and video.isdecimal():
        return Camera(int(video))
    if isinstance(video, str) and "://" in video:
        return Address(video)
    return ImageFolder(video) if _is_folder(video) else VideoFile(video)


def _is_folder(path: str | Path) -> bool:
    with suppress(OSError):  # no file can have such a name
        return Path(path).is_dir()
    return False


def _check_choice(start: int, end: int | None, stride: int) -> None:
    if start < 0:
        raise UsageError(f"cannot start at frame {start}: give --start 0 or more.")
    if stride < 1:
        raise UsageError(f"cannot take every {stride}th frame: give --stride 1 or more.")
    if end is not None and end <= start:
        raise UsageError(
            f"cannot stop before frame {end}: it does not lie behind --start {start}. "
            "Give a larger --end."
        )
