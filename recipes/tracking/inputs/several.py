"""`SeveralSources`: the frames of several inputs, one after the other, in one stream."""

import operator
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

import torchpipe as tp
from torchpipe.errors import UsageError

from ..video import Picture
from .source import VideoSource, open_input
from .together import Together, in_turn

_MOT_IMAGES = "img1"  # in MOTChallenge, the folder above has the name of the sequence


class Shot(NamedTuple):
    """A frame of one of several videos.

    Attributes:
        frame: `(height, width, 3)`: RGB, uint8.
        video: The name of the video.
        number: How many frames of this video came before.
    """

    frame: Tensor
    video: str
    number: int


Shots = Iterable[tuple[int, tuple[int, Picture]]]


class SeveralSources(tp.Cell):
    """Gives the frames of several sources in one stream.

    Those that wait, such as files, take turns until all have ended. Of those that are live, the one
    that has a frame is next; if several have one, they take turns too.

    Args:
        sources: The sources by name. All are live, or none is.

    Raises:
        UsageError: Some are live, and some are not.
    """

    def __init__(self, sources: Mapping[str, VideoSource]):
        super().__init__()
        self.sources = dict(sources)
        self.live = _all_live(list(self.sources.values()))
        self._skipped = 0

    def setup(self, clone: tp.Clone) -> None:
        for source in self.sources.values():
            source.setup(clone)

    def reset(self) -> None:
        self._skipped = 0
        for source in self.sources.values():
            source.reset()

    def seek(self, epoch: int, item: int) -> bool:
        self._skipped = 0 if self.live else item
        return True

    def interrupt(self) -> None:
        for source in self.sources.values():
            source.interrupt()

    def forward(self) -> Iterator[Shot]:
        names = list(self.sources)
        with self._all() as shots:
            for which, (number, picture) in islice(shots, self._skipped, None):
                yield Shot(picture(), names[which], number)

    def _all(self) -> AbstractContextManager[Shots]:
        sources = list(self.sources.values())
        streams = [enumerate(source.chosen()) for source in sources]
        if not self.live:
            return nullcontext(in_turn(streams))
        dropping = any(source.realtime for source in sources)
        return Together(streams, [source.losses.drop for source in sources] if dropping else None)

    def __length_hint__(self) -> int:
        """How many frames there will be; 0 if nobody knows."""
        return sum(map(operator.length_hint, self.sources.values()))


def _all_live(sources: Sequence[VideoSource]) -> bool:
    live = [source.input.name for source in sources if source.input.live]
    waiting = [source.input.name for source in sources if not source.input.live]
    if live and waiting:
        raise UsageError(
            f"cannot read {live[0]} beside {waiting[0]}: one is live, and the other waits for "
            "whoever reads it. Run them one by one."
        )
    return bool(live)


def open_inputs(
    videos: Sequence[str | Path],
    start: int = 0,
    end: int | None = None,
    stride: int = 1,
    realtime: bool = False,
) -> dict[str, VideoSource]:
    """Makes a source for each input, and gives each a name: see `open_input`, `names_of`.

    Raises:
        UsageError: One can't be read, there is none, or the numbers choose nothing.
    """
    if not videos:
        raise UsageError("cannot read no videos: name one or more.")
    sources = [open_input(video, start, end, stride, realtime) for video in videos]
    return dict(zip(names_of(sources), sources, strict=True))


def names_of(sources: Sequence[VideoSource]) -> list[str]:
    """Returns a short name for each source, which is good for a file too; all are different.

    >>> names_of([VideoSource("a/street.mp4"), VideoSource("0"), VideoSource("b/street.mp4")])
    ['street', 'camera-0', 'street-2']
    >>> names_of([VideoSource("train/PETS09-S2L1/img1"), VideoSource("rtsp://me:secret@gate/1")])
    ['PETS09-S2L1', 'gate-1']
    """
    names: list[str] = []
    for source in sources:
        wanted = name = _name(source.input.name)
        number = 2
        while name in names:
            name, number = f"{wanted}-{number}", number + 1
        names.append(name)
    return names


def _name(text: str) -> str:
    """The end of a path without its suffix; of an address, all but user and password."""
    _, scheme, rest = text.rpartition("://")
    if scheme:
        text = rest.rpartition("@")[2]
    else:
        path = Path(text)
        text = path.parent.name if path.name == _MOT_IMAGES and path.parent.name else path.stem
    return re.sub(r"[^\w.]+", "-", text).strip("-.") or "video"
