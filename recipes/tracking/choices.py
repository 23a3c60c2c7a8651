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
_STREAK = {"max_age": "max_age", "min_hits": "min_hits", "min_overlap": "min_overlap"}
_SETTINGS = {
    "sort": _STREAK,
    "bytetrack": {
        "max_age": "buffer",
        "min_overlap": "match_limit",
        "low_score": "low",
        "high_score": "high",
        "new_score": "new",
    },
    "ocsort": _STREAK | {"high_score": "min_score"},
}
_WHY_NOT = {
    "min_hits": "shows whom it has found twice",
    "low_score": "has no second look at those that are hardly sure",
    "high_score": "takes all that are found, by --min-score",
    "new_score": "lets all that it takes become tracks",
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


def association(tracker: str, reid: bool, per_class: bool, **options: float | None) -> Track:
    """Returns what follows people: see `Tracking`.

    Args:
        tracker: Its name.
        reid: Whether looks decide too.
        per_class: Whether each class is followed by itself.
        options: What is said of the tracker; None leaves it as it is.

    Raises:
        UsageError: The tracker has no such setting.
    """
    given = {option: value for option, value in options.items() if value is not None}
    for option, value in given.items():
        _check_has(tracker, option, value)
    settings = {_SETTINGS[tracker][option]: value for option, value in given.items()}
    if "match_limit" in settings:  # a cost: what is left of 1
        settings["match_limit"] = 1 - settings["match_limit"]
    return _TRACKERS[tracker](reid=ReId() if reid else None, per_class=per_class, **settings)


def _check_has(tracker: str, option: str, value: float) -> None:
    if option in _SETTINGS[tracker]:
        return
    others = [f"--tracker {other}" for other in _SETTINGS if option in _SETTINGS[other]]
    raise UsageError(
        f"cannot run with --{option.replace('_', '-')} {value}: {tracker} {_WHY_NOT[option]}. "
        f"Leave it out, or add {' or '.join(others)}."
    )
