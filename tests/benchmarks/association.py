"""How many frames per second trackers associate, detections given: ours, and roboflow/trackers.

The detections are Faster-RCNN's of three sequences of MOT15, about 5 a frame, from `../shared/data`
or $TORCHPIPE_TEST_DATA. The peer comes with `pip install --no-deps trackers supervision pydeprecate
defusedxml` and `pip install matplotlib rich`; its own requirements bring another OpenCV.
"""

import os
import time
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

from tests.benchmarks.benchmark import Asked, Benchmark, Measure, Measurement
from tests.benchmarks.harness import ROOT

SEQUENCES = ("PETS09-S2L1", "TUD-Campus", "TUD-Stadtmitte")
REPEATS = 3
Arrays = tuple[Any, Any, Any]


@cache
def sequences() -> list[list[Arrays]]:
    """Read boxes, scores and labels of each frame of each sequence, as NumPy arrays."""
    from recipes.tracking.mot import read_detections

    data = Path(os.environ.get("TORCHPIPE_TEST_DATA", ROOT.parent / "shared" / "data"))
    files = [data / "mot" / name / "det_frcnn" / "det.txt" for name in SEQUENCES]
    return [
        [(found.boxes.numpy(), found.scores.numpy(), found.labels.numpy()) for found in frames]
        for frames in map(read_detections, files)
    ]


def frames_per_second(follow: Callable[[], Iterator[int]]) -> Measurement:
    """Measure passes over all sequences; `follow` makes one and yields a number per frame."""
    for _ in follow():  # the first pass loads what is loaded late
        pass
    start, spent = time.perf_counter(), time.process_time()
    count = sum(1 for _ in range(REPEATS) for _ in follow())
    elapsed, spent = time.perf_counter() - start, time.process_time() - spent
    return {"value": count / elapsed, "cpu_us": spent / count * 1e6}


def torchpipe(name: str) -> Measure:
    """Measure a tracker of the recipe, at its defaults."""

    def follow() -> Iterator[int]:
        from recipes.tracking import trackers

        for frames in sequences():
            tracker = getattr(trackers, name)()
            for boxes, scores, labels in frames:
                yield len(tracker.update(boxes, scores, labels))

    return lambda: frames_per_second(follow)


def roboflow(name: str) -> Measure:
    """Measure a tracker of the package, at its defaults, on detections that are in its own form."""

    @cache
    def prepared() -> list[list[Any]]:
        import supervision

        return [
            [supervision.Detections(xyxy=b, confidence=s, class_id=c) for b, s, c in frames]
            for frames in sequences()
        ]

    def follow() -> Iterator[int]:
        import trackers

        for frames in prepared():
            tracker = getattr(trackers, name)()
            for found in frames:
                yield len(tracker.update(found))

    return lambda: frames_per_second(follow)


def benchmark(name: str, ours: str, theirs: str, asked: int) -> Benchmark:
    """Make the benchmark of one tracker."""
    return Benchmark(
        name=f"track-{name}",
        title=f"{ours}, association alone",
        unit="frames/s",
        contenders={"torchpipe": torchpipe(ours), "roboflow/trackers": roboflow(theirs)},
        asked=(
            Asked("torchpipe", "at least", asked),
            Asked("torchpipe", "at least", 1.0, over="roboflow/trackers"),
        ),
    )


TRACK_SORT = benchmark("sort", "SortTracker", "SORTTracker", asked=5000)
TRACK_BYTETRACK = benchmark("bytetrack", "ByteTracker", "ByteTrackTracker", asked=5000)
TRACK_OCSORT = benchmark("ocsort", "OcSortTracker", "OCSORTTracker", asked=3000)
