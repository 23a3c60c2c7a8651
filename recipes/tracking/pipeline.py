"""The whole: a video in; the same video with everyone boxed, numbered and trailed out."""

import operator
from pathlib import Path

from torch import Tensor

import torchpipe as tp
from torchpipe.errors import UsageError

from .boxes import Tracks
from .cells import Detect, Draw, RememberTrails, WriteMot, WriteVideo
from .follow import Sort
from .inputs import open_input
from .partial import check_target
from .weights import find_weights

CLIP = Path(__file__).with_name("clip.mp4")


class Tracking(tp.Pipeline):
    """Tracks the people in a video: SSDLite finds them, SORT tells who is who.

    For each frame it gives the annotated image, `(height, width, 3)`, and the `Tracks`.

    Args:
        video: What to read: a video file, a folder of images, the number of a camera, or an address
            (http, rtsp). Default: a short clip that comes with the recipe.
        output: Where the annotated video goes (MP4).
        tracks: Where the tracks go, as MOTChallenge text.
        overwrite: Replace output files that exist.
        clones: Detectors that work at the same time, on one core each.
        levels: Sizes of tiles that the detector looks at. 2 finds people who are further away, and
            takes about six times as long.
        min_score: Leave out detections that are less sure, 0 to 1.
        max_age: Frames for which someone unseen is remembered.
        min_hits: Frames in a row in which someone must be found again before being shown.
        start: The first frame to read, from 0.
        end: The frame before which to stop. Default: the end.
        stride: Read every n-th frame.
        realtime: Keep up with a camera: drop the frames that come too quickly.

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
        levels: int = 1,
        min_score: float = 0.2,
        max_age: int = 15,
        min_hits: int = 2,
        start: int = 0,
        end: int | None = None,
        stride: int = 1,
        realtime: bool = False,
    ):
        super().__init__()
        self.source = open_input(CLIP if video is None else video, start, end, stride, realtime)
        _check_files(Path(video or CLIP), output, tracks, overwrite)
        _check_range("clones", clones, 1, 1000)
        _check_range("levels", levels, 1, 4)
        _check_range("max-age", max_age, 0, 1_000_000)
        _check_range("min-hits", min_hits, 0, 1_000_000)
        find_weights()
        if realtime:
            self.window = clones + 1  # what waits inside grows old
        one_core = tp.ThreadClone(torch_threads=1)
        detect = Detect(levels)
        detect.min_score = min_score
        self.detect = tp.ScaleUp(detect, clones=[one_core] * clones)
        self.track = Sort(max_age, min_hits)
        self.trails = RememberTrails()
        self.draw = Draw()
        self.files = {"video": output, "tracks": tracks}
        self.write_video = WriteVideo(output, self.source.rate, overwrite)
        self.write_tracks = WriteMot(tracks, overwrite)

    def build(self) -> tuple[Tensor, Tracks]:
        frame = self.source()
        tracks = self.track(self.detect(frame))
        image = self.draw(frame, tracks, self.trails(tracks))
        self.write_video(image)
        self.write_tracks(tracks)
        return image, tracks

    def summary(self) -> dict[str, str]:
        """The files that were written, for the end of `torchpipe run`; and what a camera lost."""
        return self.files | self.source.losses.summary()

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


def _check_range(option: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise UsageError(f"cannot run with --{option} {value}: give {least} to {most}.")
