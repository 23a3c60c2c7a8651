"""What the options choose: the cell that finds people, and the cell that follows them."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from torchpipe.errors import UsageError

from .apart import NAME, Apart
from .cells import Detect
from .detections import LookUpDetections, OwnDetect, ReadDetections
from .follow import ByteTrack, OcSort, Sort, Track
from .trackers import ReId
from .weights import find_weights

Finder = Detect | OwnDetect | ReadDetections | LookUpDetections

_TRACKERS: dict[str, Callable[..., Track]] = {
    "sort": partial(Sort, max_age=15, min_hits=2),
    "bytetrack": ByteTrack,
    "ocsort": OcSort,
}
_MIN_SCORES = {"sort": 0.2, "bytetrack": 0.1, "ocsort": 0.2}


def detection(
    detector: str,
    levels: int,
    min_score: float | None,
    tracker: str,
    apart: Apart,
    frames: tuple[int, int] = (0, 1),
) -> Finder:
    """Returns what finds people: see `Tracking`.

    Args:
        apart: The videos.
        frames: The first frame of a video that is read, from 0, and the step to the next one.

    Raises:
        UsageError: There is no such detector, or what it needs is missing.
    """
    finder = _finder(detector, levels, apart, *frames)
    finder.min_score = _MIN_SCORES[tracker] if min_score is None else min_score
    return finder


def _finder(detector: str, levels: int, apart: Apart, start: int, stride: int) -> Finder:
    if detector == "ssdlite":
        find_weights()
        return Detect(levels)
    files = {name: apart.filled(detector, name) for name in apart.names}
    if all(Path(file).is_file() for file in files.values()):
        if not apart.several:
            return ReadDetections(files.popitem()[1], start, stride)
        _check_each_has_one(detector)
        return LookUpDetections(files, start, stride)
    if ":" in detector:
        return OwnDetect(detector)
    missing = next(file for file in files.values() if not Path(file).is_file())
    raise UsageError(
        f"cannot detect with {missing}: there is no such file. Name a file of detections, "
        "ssdlite, or module:name."
    )


def _check_each_has_one(detector: str) -> None:
    if NAME not in detector:
        raise UsageError(
            f"cannot detect with {detector}: it is about one video, and there are several. Put "
            f"{NAME} where their names differ."
        )


def association(
    tracker: str, reid: bool, per_class: bool, max_age: int | None, min_hits: int | None
) -> Track:
    """Returns what follows people: see `Tracking`.

    Raises:
        UsageError: The tracker has no such setting.
    """
    if tracker == "bytetrack" and min_hits is not None:
        raise UsageError(
            f"cannot run with --min-hits {min_hits}: bytetrack shows whom it has found twice. "
            "Leave it out, or add --tracker sort or --tracker ocsort."
        )
    given = {"buffer" if tracker == "bytetrack" else "max_age": max_age, "min_hits": min_hits}
    settings = {name: value for name, value in given.items() if value is not None}
    return _TRACKERS[tracker](reid=ReId() if reid else None, per_class=per_class, **settings)
