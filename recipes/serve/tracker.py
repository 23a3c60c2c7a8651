"""The tracking recipe as a service: frames in, people out; each client has a stream of its own."""

from io import BytesIO
from typing import Annotated, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor

import torchpipe as tp
from torchpipe.serve import Array

from ..tracking.boxes import Detections, Floats, Integers, Tracks
from ..tracking.cells import Describe, Detect
from ..tracking.follow import ByteTrack
from ..tracking.trackers import ReId
from ..tracking.weights import find_weights
from .image_file import ImageFile


class Decode(tp.Cell):
    """From an image file to a frame, `(height, width, 3)`, RGB, uint8."""

    def forward(self, image: bytes) -> Tensor:
        return torch.from_numpy(np.array(Image.open(BytesIO(image)).convert("RGB")))


class Found(NamedTuple):
    """Who is in a frame, and what they look like."""

    people: Detections
    looks: Tensor


class Find(tp.Pipeline):
    """Finds the people in one frame. Stateless: scale it up."""

    def __init__(self) -> None:
        super().__init__()
        self.decode, self.detect, self.look = Decode(), Detect(), Describe()
        self.detect.min_score = 0.1  # ByteTrack decides by those who are hardly seen, too

    def build(self, image: bytes) -> Found:
        frame = self.decode(image)
        people = self.detect(frame)
        return Found(people, self.look(frame, people))


class People(NamedTuple):
    """Who is in a frame of a stream.

    Attributes:
        frame: The frame's number in its stream, from 1.
        ids: `(N,)`: who it is; the same number in every frame, from 1.
        boxes: `(N, 4)`: x1, y1, x2, y2 in pixels.
        scores: `(N,)`: how sure the detector is, 0 to 1.
    """

    frame: int
    ids: Annotated[Integers, Array("int64", (None,))]
    boxes: Annotated[Floats, Array("float64", (None, 4))]
    scores: Annotated[Floats, Array("float64", (None,))]


class Tell(tp.Cell):
    """What clients are told of the tracks in a frame."""

    def forward(self, tracks: Tracks) -> People:
        return People(tracks.frame, tracks.ids, tracks.boxes, tracks.scores)


class Tracker(tp.Pipeline):
    """Follows the people in the frames of each client.

    The detector is slow and looks at one frame at a time: all clients share its clones. The tracker
    remembers: each client has one of its own, which gets the client's frames in order.

    Args:
        clones: How many frames are worked on at the same time, on one core each.

    Raises:
        UsageError: The detector's weights are not installed.
    """

    window = 16  # frames are large

    def __init__(self, clones: int = 2):
        super().__init__()
        find_weights()
        self.find = tp.ScaleUp(Find(), [tp.ThreadClone(torch_threads=1)] * clones)
        self.track = ByteTrack(reid=ReId())
        self.tell = Tell()

    def build(self, image: ImageFile) -> People:
        people, looks = self.find(image)
        told: People = self.tell(self.track(people, looks))
        return told
