"""The whole: videos in; the same videos with everyone boxed, numbered and trailed out."""

import operator
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import torchpipe as tp
from torchpipe.errors import UsageError

from .apart import Apart, check_files
from .cells import Describe, Draw, RememberTrails
from .choices import Finder, association, detection
from .copies import Copies
from .detections import LookUpDetections, ReadDetections
from .draw import USUAL, parts_of
from .inputs import SeveralSources, open_inputs
from .limits import check_numbers
from .motion import Motion
from .outputs.sink import Sink
from .outputs.sinks import Show, WriteCsv, WriteFrames, WriteHeat, WriteJson, WriteMot, WriteVideo
from .zones.cell import CountTracks

CLIP = Path(__file__).with_name("clip.mp4")


class Tracking(tp.Pipeline):
    """Tracks the people in a video: a detector finds them, a tracker tells who is who.

    For each frame it gives the annotated image, `(height, width, 3)`, and the `Tracks`. Several
    videos are followed at once, each by itself; then the name of the video comes first.

    Args:
        video: What to read: a video file, a folder of images, the number of a camera, or an address
            (http, rtsp); or several. Default: a short clip that comes with the recipe.
        output: Where the annotated video goes (MP4). With several videos, the name of each stands
            in place of {video}, or else at the end.
        tracks: Where the tracks go, as MOTChallenge text; likewise.
        csv: Where they go as CSV, a row for each in each frame.
        json: Where they go as JSON lines, one for each frame.
        frames: A folder for the annotated frames, as PNG files.
        heatmap: Where a map of where people walked goes (PNG).
        show: Show the annotated frames in a window while it runs; q, or closing it, ends the run.
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
        min_overlap: The least overlap of someone found with where a track is expected, 0 to 1.
            ByteTrack multiplies it by the score first. Default: 0.3; 0.1 for ByteTrack.
        low_score: ByteTrack leaves out detections that are not surer, even from its second look.
            Default: 0.1.
        high_score: Detections that are surer come first, in ByteTrack; OC-SORT takes no others.
            Default: 0.6.
        new_score: How sure ByteTrack must be to begin a track. Default: 0.7.
        start: The first frame to read, from 0.
        end: The frame before which to stop. Default: the end.
        stride: Read every n-th frame.
        realtime: Keep up with a camera: drop the frames that come too quickly.
        zones: A file of lines and polygons that count who passes them: see `read_zones`.
        draw: What to draw: some of boxes,ids,labels,scores,trails,zones,heading; or all, or none.

    Raises:
        UsageError: A file can't be read, or a number makes no sense; from `check`: a file can't
            be written.
    """

    window = 16  # frames are large, and a detector takes about as long for each

    def __init__(
        self,
        video: str | list[str] | None = None,
        output: str = "tracking.mp4",
        tracks: str = "tracking.txt",
        csv: str | None = None,
        json: str | None = None,
        frames: str | None = None,
        heatmap: str | None = None,
        show: bool = False,
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
        min_overlap: float | None = None,
        low_score: float | None = None,
        high_score: float | None = None,
        new_score: float | None = None,
        start: int = 0,
        end: int | None = None,
        stride: int = 1,
        realtime: bool = False,
        zones: str | None = None,
        draw: str = ",".join(USUAL),
    ):
        super().__init__()
        videos = video if isinstance(video, list) else [CLIP if video is None else video]
        self._sources = sources = open_inputs(videos, start, end, stride, realtime)
        self._apart = apart = Apart(sources)
        self._copies = Copies(apart, sources)
        self.source = SeveralSources(sources) if apart.several else next(iter(sources.values()))
        more = {"csv": csv, "json": json, "frames": frames, "heatmap": heatmap}
        asked = {what: target for what, target in more.items() if target is not None}
        self.files = {"video": output, "tracks": tracks} | asked
        said: dict[str, float | None] = {"max_age": max_age, "min_hits": min_hits}
        said |= {"min_overlap": min_overlap, "low_score": low_score}
        said |= {"high_score": high_score, "new_score": new_score}
        check_numbers(clones=clones, levels=levels, **said)
        if realtime:
            self.window = clones + 1  # what waits inside grows old
        cores = [tp.ThreadClone(torch_threads=1)] * clones
        finder = detection(detector, levels, min_score, tracker, apart, (start, stride))
        self.detect = self._placed(detector, finder, cores)
        self.look = tp.ScaleUp(Describe(), cores) if reid else None
        self.before = None if flow == "off" else apart.cell(tp.Delay(1, initial=None))
        self.motion = None if flow == "off" else Motion(flow != "camera", flow != "boxes", cores)
        self.track = apart.cell(association(tracker, reid, per_class, **said))
        self.trails = apart.cell(RememberTrails())
        self.count = apart.cell(CountTracks(), self._copies.counting(zones))
        self.draw = Draw(parts_of(draw), ("person",) if detector == "ssdlite" else ())
        self.overwrite = overwrite
        self._make_sinks(show)

    def _placed(self, detector: str, finder: Finder, cores: Sequence[tp.Clone]) -> tp.Cell:
        """What finds people, with its clones; what is known already needs none."""
        if not isinstance(finder, ReadDetections | LookUpDetections):
            return tp.ScaleUp(finder, cores)
        if any(source.input.live for source in self._sources.values()):
            raise UsageError(
                f"cannot detect with {detector}: nobody knows which frames of something live it is "
                "about. Leave out --detector, or read a recording."
            )
        return finder

    def _make_sinks(self, show: bool) -> None:
        cell, copies, overwrite = self._apart.cell, self._copies, self.overwrite

        def sink(kind: Callable[[str, bool], Sink], what: str) -> tp.Cell | None:
            target = self.files.get(what)
            return cell(kind(target, overwrite), copies.aim) if target else None

        rate = next(iter(self._sources.values())).rate
        self.write_video = cell(WriteVideo(self.files["video"], rate, overwrite), copies.film)
        self.write_tracks = cell(WriteMot(self.files["tracks"], overwrite), copies.aim)
        self.write_csv = sink(WriteCsv, "csv")
        self.write_json = sink(WriteJson, "json")
        self.write_frames = sink(WriteFrames, "frames")
        self.write_heat = sink(WriteHeat, "heatmap")
        self.show = cell(Show(), copies.show) if show else None

    def check(self) -> None:
        """Find everything that is wrong with this pipeline, or with the files that it is to write.

        Raises:
            CheckError: With all findings in the graph.
            UsageError: A file exists, can't be written, or would be written twice.
        """
        super().check()
        check_files(self._sources, self._apart, self.files, self.overwrite)

    def build(self) -> tuple[Any, ...]:
        shot = self.source()
        frame, video = (shot.frame, [shot.video]) if self._apart.several else (shot, [])
        found = self._find(shot, frame)
        looks = self.look(frame, found) if self.look else None
        moves = camera = None
        if self.motion and self.before:
            moves, camera = self.motion(frame, self.before(*video, frame), found)
        tracks = self.track(*video, found, looks, moves, camera)
        trails, counts = self.trails(*video, tracks), self.count(*video, tracks, found)
        image = self.draw(frame, tracks, trails, counts)
        self._write(video, frame, image, tracks)
        return (*video, image, tracks)

    def _write(self, video: list[Any], frame: Any, image: Any, tracks: Any) -> None:
        what: list[tuple[tp.Cell | None, list[Any]]] = [
            (self.write_video, [image]),
            (self.write_tracks, [tracks]),
            (self.write_csv, [tracks]),
            (self.write_json, [tracks]),
            (self.write_frames, [image, tracks]),
            (self.write_heat, [frame, tracks]),
            (self.show, [image]),
        ]
        for sink, items in what:
            if sink is not None:
                sink(*video, *items)

    def _find(self, shot: Any, frame: Any) -> Any:
        if isinstance(self.detect, LookUpDetections):
            return self.detect(shot.video, shot.number)
        return self.detect() if isinstance(self.detect, ReadDetections) else self.detect(frame)

    def summary(self) -> dict[str, str]:
        """For the end of `torchpipe run`: the files, what was counted, and what a camera lost."""
        lines: dict[str, str] = {}
        for name, source in self._sources.items():
            files = {what: self._apart.file(target, name) for what, target in self.files.items()}
            own = files | self._copies.counted[name] | source.losses.summary()
            of = f"{name} " if self._apart.several else ""
            lines |= {f"{of}{what}": text for what, text in own.items()}
        return lines

    def __length_hint__(self) -> int:
        """How many frames the video states, for a progress bar; 0 if it does not say."""
        return operator.length_hint(self.source)
