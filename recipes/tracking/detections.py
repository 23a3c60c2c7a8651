"""Detections from elsewhere, as cells: out of a file, or from a detector of your own.

Those of which a coordinate or the score is no number, or infinite, are left out.
"""

import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from itertools import chain, islice, repeat
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import torchpipe as tp
from torchpipe.errors import UsageError

from .boxes import Detections, sure
from .mot import read_detections


class ReadDetections(tp.Cell):
    """Gives what was found before, frame by frame: a source, to read beside a video.

    After the last frame that the file knows, nothing is found; it never ends.

    Args:
        file: Detections as MOTChallenge text.
        start: The first frame to give, from 0.
        stride: Give those of every n-th frame.
    """

    min_score = tp.Parameter(0.0, ge=0.0, le=1.0, doc="leave out detections that are less sure")

    def __init__(self, file: str | Path, start: int = 0, stride: int = 1):
        super().__init__()
        self.file, self.start, self.stride = file, start, stride

    def forward(self) -> Iterator[Detections]:
        frames = chain(read_detections(self.file), repeat(Detections.none()))
        for found in islice(frames, self.start, None, self.stride):
            yield sure(found, self.min_score)


class LookUpDetections(tp.Cell):
    """Gives what was found before in one of several videos.

    Args:
        files: Detections as MOTChallenge text, by the name of the video.
        start: The first frame that is asked for, from 0.
        stride: How many frames further the next one is.
    """

    min_score = tp.Parameter(0.0, ge=0.0, le=1.0, doc="leave out detections that are less sure")

    def __init__(self, files: Mapping[str, str | Path], start: int = 0, stride: int = 1):
        super().__init__()
        self.files, self.start, self.stride = files, start, stride

    def setup(self, clone: tp.Clone) -> None:
        self._found = {video: read_detections(file) for video, file in self.files.items()}

    def forward(self, video: str, number: int) -> Detections:
        frames, place = self._found[video], self.start + number * self.stride
        found = frames[place] if place < len(frames) else Detections.none()
        return sure(found, self.min_score)


class OwnDetect(tp.Cell):
    """Finds things in one frame with a detector of your own. Stateless: scale it up.

    Args:
        name: `module:name` of a function, of an `nn.Module`, or of a class that makes one when it
            is called. It takes a frame, `(height, width, 3)` RGB uint8, and returns boxes `(N, 4)`
            as x1, y1, x2, y2 in pixels, scores `(N,)` and labels `(N,)`. A network moves to the
            clone's device, and so does the frame that it gets.
    """

    min_score = tp.Parameter(0.2, ge=0.0, le=1.0, doc="leave out what the detector is less sure of")

    def __init__(self, name: str):
        super().__init__()
        self.name = name
        named(name)  # what is missing is told now

    def setup(self, clone: tp.Clone) -> None:
        found, self._device = named(self.name), torch.device("cpu")
        self._detector: Any = found() if isinstance(found, type) else found
        if isinstance(self._detector, nn.Module):
            self._device = torch.device(clone.device)
            self._detector = self._detector.to(self._device).eval()

    @torch.no_grad()
    def forward(self, frame: Tensor) -> Detections:
        boxes, scores, labels = self._detector(frame.to(self._device))
        found = Detections(boxes.cpu().reshape(-1, 4), scores.cpu(), labels.cpu().long())
        return sure(found, self.min_score)


def named(name: str) -> Any:
    """Returns what `module:name` names; the current folder is searched last.

    Raises:
        UsageError: There is nothing of that name, or it can't be called.
    """
    module, _, inside = name.partition(":")
    if str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
    try:
        found = getattr(import_module(module), inside, None)
    except ModuleNotFoundError as error:
        raise UsageError(
            f"cannot detect with {name!r}: {error}. Name one that Python can import."
        ) from error
    if not callable(found):
        raise UsageError(
            f"cannot detect with {name!r}: {module} has nothing of that name that can be called. "
            "Name a function, a network or a class in it."
        )
    return found
