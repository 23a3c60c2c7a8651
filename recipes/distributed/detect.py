"""The tracking recipe with its detector on many GPUs; people are followed in order all the same."""

import operator
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

import torchpipe as tp

from ..tracking.boxes import Detections, Tracks
from ..tracking.cells import Describe, Detect
from ..tracking.follow import ByteTrack
from ..tracking.inputs import VideoSource
from ..tracking.outputs.sinks import WriteMot
from ..tracking.partial import check_target
from ..tracking.pipeline import CLIP
from ..tracking.trackers import ReId
from ..tracking.video import probe
from .places import Here, Place
from .spread import Spread, gpu_clones


class Found(NamedTuple):
    """Who is in a frame, what they look like, and where that was found out."""

    people: Detections
    looks: Tensor
    place: Place


class Finder(tp.Pipeline):
    """The tracking recipe's detector, and where it is. Stateless: scale it up."""

    def __init__(self) -> None:
        super().__init__()
        self.detect, self.look, self.here = Detect(), Describe(), Here()
        self.detect.min_score = 0.1  # ByteTrack decides by those who are hardly seen, too

    def build(self, frame: Tensor) -> Found:
        people = self.detect(frame)
        return Found(people, self.look(frame, people), self.here(frame))


class Detection(Spread):
    """Follows the people in a video; they are found on many GPUs at once.

    For each frame, in order, it gives the `Tracks` and the `Place` where the detector ran.

    Args:
        video: The video to read. Default: the tracking recipe's clip.
        tracks: Where the tracks go, as MOTChallenge text.
        overwrite: Replace the file of tracks if it exists.
        clones: Detectors that work at the same time, each a process of its own.
        gpus: GPUs for each of them; a fraction shares one, 0 computes on the CPU.
        simulate: The GPUs exist in name only, so that the CPU computes. Without an address of a
            cluster, it is one of three nodes on this machine, which lasts as long as the run.

    Raises:
        UsageError: A file can't be read, or a number makes no sense; from `check`: a file can't
            be written.
    """

    window = 16  # frames are large

    def __init__(
        self,
        video: str | None = None,
        tracks: str = "tracks.txt",
        overwrite: bool = False,
        clones: int = 3,
        gpus: float = 1,
        simulate: bool = False,
    ):
        super().__init__(simulate)
        source = CLIP if video is None else Path(video)
        probe(source)
        self.source = VideoSource(source)
        self.find = tp.ScaleUp(Finder(), gpu_clones(clones, gpus, simulate))
        self.track = ByteTrack(reid=ReId())
        self.write = WriteMot(tracks, overwrite)
        self.file, self.overwrite = tracks, overwrite

    def check(self) -> None:
        """Find everything that is wrong with this pipeline, or with the file that it is to write.

        Raises:
            CheckError: With all findings in the graph.
            UsageError: The file exists, or can't be written.
        """
        super().check()
        check_target(self.file, self.overwrite)

    def build(self) -> tuple[Tracks, Place]:
        people, looks, place = self.find(self.source())
        tracks = self.track(people, looks)
        self.write(tracks)
        self.count(place)
        return tracks, place

    def summary(self) -> dict[str, str]:
        return {**super().summary(), "tracks": self.file}

    def __length_hint__(self) -> int:
        return operator.length_hint(self.source)
