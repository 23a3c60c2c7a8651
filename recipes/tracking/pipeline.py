"""The whole: a video in; the same video with everyone boxed, numbered and trailed out."""

import operator
from pathlib import Path
from typing import Literal

from torch import Tensor

import torchpipe as tp
from torchpipe.errors import UsageError

from .boxes import Tracks
from .cells import Describe, Draw, RememberTrails, WriteMot, WriteVideo
from .choices import association, detection
from .detections import ReadDetections
from .draw import USUAL, parts_of
from .inputs import open_input
from .motion import Motion
from .partial import check_target
from .zones.cell import CountTracks
from .zones.read import read_zones

CLIP = Path(__file__).with_name("clip.mp4")


class Tracking(tp.Pipeline):
    """Tracks the people in a video: a detector finds them, a tracker tells who is who.

    For each frame it gives the annotated image, `(height, width, 3)`, and the `Tracks`.

    Args:
        video: What to read: a video file, a folder of images, the number of a camera, or an address
            (http, rtsp). Default: a short clip that comes with the recipe.
        output: Where the annotated video goes (MP4).
        tracks: Where the tracks go, as MOTChallenge text.
        overwrite: Replace output files that exist.
        clones: How many frames are worked on at the same time, on one core each.
        detector: What finds people: "ssdlite"; a file of detections, as MOTChallenge text, one line
            for each in every frame of the video; or "module:name" of one of your own: see
            `OwnDetect`.
        levels: Sizes of tiles that SSDLite looks at. 2 finds people who are further away, and
            takes about six times as long.
        min_score: Leave out detections that are less sure, 0 to 1. Default: 0.1 for ByteTrack,
            which decides by those too, 0.2 for the others.
        tracker: What tells who is who.
        reid: Let the colours of clothes decide too.
        flow: What optical flow tells the tracker: how far each box has moved, how the camera has,
            or both. Boxes help where frames are far apart, the camera where it moves.
        per_class: Follow each class by itself.
        max_age: Frames for which someone unseen is remembered. Default: 15 for SORT, 30 for the
            others.
        min_hits: Frames in a row in which someone must be found again before being shown. Default:
            2 for SORT, 3 for OC-SORT; ByteTrack has 1.
        start: The first frame to read, from 0.
        end: The frame before which to stop. Default: the end.
        stride: Read every n-th frame.
        realtime: Keep up with a camera: drop the frames that come too quickly.
        zones: A file of lines and polygons that count who passes them: see `read_zones`.
        draw: What to draw: some of boxes,ids,labels,scores,trails,zones,heading; or all, or none.

    Raises:
        UsageError: A file can't be read or written, or a number makes no sense.
    """

    window = 16  # frames are large, and a detector takes about as long for each

    def __init__(
        self,
        video: str | None = None,
        output: str = "tracking.mp4",
        tracks: str = "tracking.txt",
        overwrite: bool = False,
        clones: int = 2,
        detector: str = "ssdlite",
        levels: int = 1,
        min_score: float | None = None,
        tracker: Literal["sort", "bytetrack", "ocsort"] = "bytetrack",
        reid: bool = True,
        flow: Literal["off", "boxes", "camera", "both"] = "off",
        per_class: bool = False,
        max_age: int | None = None,
        min_hits: int | None = None,
        start: int = 0,
        end: int | None = None,
        stride: int = 1,
        realtime: bool = False,
        zones: str | None = None,
        draw: str = ",".join(USUAL),
    ):
        super().__init__()
        self.source = open_input(CLIP if video is None else video, start, end, stride, realtime)
        _check_files(Path(video or CLIP), output, tracks, overwrite)
        _check_range("clones", clones, 1, 1000)
        _check_range("levels", levels, 1, 4)
        _check_range("max-age", max_age, 0, 1_000_000)
        _check_range("min-hits", min_hits, 0, 1_000_000)
        if realtime:
            self.window = clones + 1  # what waits inside grows old
        cores = [tp.ThreadClone(torch_threads=1)] * clones
        finder = detection(detector, levels, min_score, tracker, (start, stride))
        if isinstance(finder, ReadDetections) and self.source.input.live:
            raise UsageError(
                f"cannot detect with {detector}: nobody knows which frames of something live it is "
                "about. Leave out --detector, or read a recording."
            )
        self.detect = finder if isinstance(finder, ReadDetections) else tp.ScaleUp(finder, cores)
        self.look = tp.ScaleUp(Describe(), cores) if reid else None
        self.motion = None if flow == "off" else Motion(flow != "camera", flow != "boxes", cores)
        self.track = association(tracker, reid, per_class, max_age, min_hits)
        self.trails = RememberTrails()
        self.count = CountTracks(() if zones is None else read_zones(zones))
        self.draw = Draw(parts_of(draw), ("person",) if detector == "ssdlite" else ())
        self.files = {"video": output, "tracks": tracks}
        self.write_video = WriteVideo(output, self.source.rate, overwrite)
        self.write_tracks = WriteMot(tracks, overwrite)

    def build(self) -> tuple[Tensor, Tracks]:
        frame = self.source()
        found = self.detect() if isinstance(self.detect, ReadDetections) else self.detect(frame)
        looks = self.look(frame, found) if self.look else None
        moves, camera = self.motion(frame, found) if self.motion else (None, None)
        tracks = self.track(found, looks, moves, camera)
        image = self.draw(frame, tracks, self.trails(tracks), self.count(tracks))
        self.write_video(image)
        self.write_tracks(tracks)
        return image, tracks

    def summary(self) -> dict[str, str]:
        """For the end of `torchpipe run`: the files, what was counted, and what a camera lost."""
        return self.files | self.count.summary | self.source.losses.summary()

    def __length_hint__(self) -> int:
        """How many frames the video states, for a progress bar; 0 if it does not say."""
        return operator.length_hint(self.source)


def _check_files(source: Path, output: str, tracks: str, overwrite: bool) -> None:
    targets = [Path(output).resolve(), Path(tracks).resolve()]
    if targets[0] == targets[1]:
        raise UsageError(f"cannot write {output} twice: name two files, --output and --tracks.")
    if source.resolve() in targets:
        raise UsageError(f"cannot write {source}: it is the video to read. Name another file.")
    for target in (output, tracks):
        check_target(target, overwrite)


def _check_range(option: str, value: int | None, least: int, most: int) -> None:
    if value is not None and not least <= value <= most:
        raise UsageError(f"cannot run with --{option} {value}: give {least} to {most}.")
