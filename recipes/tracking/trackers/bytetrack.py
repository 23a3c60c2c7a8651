"""ByteTrack: detections that are hardly sure decide too, after those that are.

After "ByteTrack: Multi-Object Tracking by Associating Every Detection Box" (Zhang et al. 2022,
https://arxiv.org/abs/2110.06864), with the details of its published code
(https://github.com/FoundationVision/ByteTrack), which gives the same output. The filter's
coordinates are centre x and y, width / height, and height; how sure it is depends on the height.
Units are pixels and frames.
"""

import numpy as np

from ..boxes import Floats, Integers, overlaps
from .camera import turned_beliefs
from .found import Found
from .kalman import PLACE, SPEED, believe, correct, noise, predict
from .looks import ReId
from .pairs import NONE, Pairs, cheapest, others
from .records import Records, RecordTracker

_HEIGHT = 3
_POWERS = (0.0, 1.0)  # how aspect and height grow with lengths
_PIXEL = 1.0  # corners are pixels: boxes are wider and higher by one
_WEAK_LIMIT, _NEW_LIMIT, _DOUBLE = 0.5, 0.7, 0.15

# Variances: what grows with the square of the height, and what does not.
_GROWS = np.array([1.0, 1, 0, 1])
_FIXED = np.array([0.0, 0, 1, 0])
_PLACE, _SPEED = 1 / 20**2, 1 / 160**2
_NOISE = noise(_GROWS * _PLACE, _GROWS * _SPEED), noise(_FIXED * 1e-4, _FIXED * 1e-10)
_MEASURED = _GROWS * _PLACE, _FIXED * 1e-2
_AT_BIRTH = 4 * _GROWS * _PLACE, _FIXED * 1e-4
_SPEED_AT_BIRTH = 100 * _GROWS * _SPEED, _FIXED * 1e-10

_FIELDS = [
    ("start", np.int64),  # the frame of the first detection
    ("lost", bool),  # not found in the last frame
    ("confirmed", bool),  # found a second time, or in the first frame of the video
    ("expired", bool),  # was lost for longer than the buffer
]
# The order of the tracks after a frame, which is that of the output. It decides between equals.
_FOUND, _BORN, _FOUND_AGAIN, _STILL_LOST, _LOST_NOW, _GONE = range(6)


class ByteTracker(RecordTracker):
    """Follows boxes through a video, frame by frame.

    Sure detections go to the tracks that they overlap most, by the overlap times the score. What is
    left of the tracks then takes from the detections that are less sure.

    Args:
        high: Detections with a higher score, 0 to 1, are sure. (The very same score is left out, as
            in the published code.)
        low: Detections without a higher score, 0 to 1, are left out.
        new: The score, 0 to 1, from which a detection may become a track.
        match_limit: The most that a pair of a track and a sure detection may cost, 0 to 1: 1 less
            the overlap times the score.
        buffer: Frames for which a lost track is kept; it may be found for one more, as in the
            published code. (There it is 30 frames at 30 frames/s, others at other rates.)
        reid: How looks decide; None if they don't.

    Example:
        >>> tracker = ByteTracker()
        >>> tracker.update([[10, 10, 20, 40]], [0.9], [0]).ids
        array([1])
        >>> tracker.update([[11, 10, 21, 40]], [0.3], [0]).ids
        array([1])
    """

    def __init__(
        self,
        high: float = 0.6,
        low: float = 0.1,
        new: float = 0.7,
        match_limit: float = 0.9,
        buffer: int = 30,
        reid: ReId | None = None,
    ):
        self.high, self.low, self.new = high, low, new
        self.match_limit, self.buffer = match_limit, buffer
        super().__init__(reid, _PIXEL, _FIELDS)

    def _follow(self, found: Found) -> Records:
        sure = found[found.scores > self.high]
        unsure = found[(found.scores > self.low) & (found.scores < self.high)]
        confirmed = self._tracks["confirmed"]
        known, fresh = confirmed.nonzero()[0], (~confirmed).nonzero()[0]
        self._predict(known)
        row, track = self._match(known, sure, self.match_limit)
        rest = known[others(len(known), track)]
        self._match(rest[~self._tracks["lost"][rest]], unsure, _WEAK_LIMIT, weigh=False)
        left = sure[others(len(sure), row)]
        row, _ = self._match(fresh, left, _NEW_LIMIT)
        self._settle(left[others(len(left), row)])
        self._drop_doubles()
        shown: Records = self._tracks[~self._tracks["lost"] & self._tracks["confirmed"]]
        return shown

    def _predict(self, known: Integers) -> None:
        """Tracks that were found only once stay where they were."""
        tracks = self._tracks
        tracks["unseen"] += 1
        tracks["belief"][tracks["lost"], SPEED, _HEIGHT] = 0
        beliefs = tracks["belief"][known]
        tracks["belief"][known] = predict(beliefs, _with_height(_NOISE, beliefs[:, None, PLACE]))

    def _match(self, rows: Integers, found: Found, limit: float, weigh: bool = True) -> Pairs:
        """Gives detections to some of the tracks; returns the rows of both."""
        if not (len(rows) and len(found)):
            return NONE
        tracks = self._tracks[rows]
        affinity = self._affinity(found, tracks, self._boxes(tracks))
        row, column = cheapest(1 - (affinity * found.scores[:, None] if weigh else affinity), limit)
        if len(row):
            self._correct(rows[column], found[row])
        return row, column

    def _correct(self, track: Integers, found: Found) -> None:
        beliefs = self._tracks["belief"][track]
        variance = _with_height(_MEASURED, beliefs[:, PLACE])
        self._tracks["belief"][track] = correct(beliefs, _places(found.boxes), variance)
        self._saw(track, found)

    def _settle(self, new: Found) -> None:
        """Brings all tracks into the state and the order that they have after this frame.

        Args:
            new: What belongs to none of them; those that are sure enough become tracks.
        """
        tracks = self._tracks
        found, lost = tracks["unseen"] == 0, tracks["lost"]
        order = np.where(found, _FOUND + 2 * lost, _LOST_NOW - lost)
        order[~found & (tracks["expired"] | ~tracks["confirmed"])] = _GONE
        tracks["expired"] |= lost & (tracks["unseen"] > self.buffer)
        tracks["lost"], tracks["confirmed"] = ~found, True
        if len(new):
            born = self._bear(new[new.scores >= self.new])
            self._tracks = np.concatenate([tracks, born])
            order = np.concatenate([order, np.full(len(born), _BORN)])
        self._tracks = self._tracks[order.argsort(kind="stable")[: np.count_nonzero(order < _GONE)]]

    def _bear(self, new: Found) -> Records:
        places = _places(new.boxes)
        variances = _with_height(_AT_BIRTH, places), _with_height(_SPEED_AT_BIRTH, places)
        born = self._newborn(new, believe(places, *variances))
        born["start"], born["confirmed"] = self.frame, self.frame == 1
        return born

    def _drop_doubles(self) -> None:
        """Of a track and a lost one that are at the same place, the one that lived longer stays."""
        tracks, lost = self._tracks, self._tracks["lost"]
        if not lost.any():
            return
        boxes, here, away = self._boxes(tracks), (~lost).nonzero()[0], lost.nonzero()[0]
        double = 1 - overlaps(boxes[here], boxes[away], _PIXEL) < _DOUBLE
        if double.any():
            row, column = np.nonzero(double)
            lived = self.frame - tracks["unseen"] - tracks["start"]
            older = lived[here[row]] > lived[away[column]]
            dropped = np.where(older, away[column], here[row])
            self._tracks = tracks[others(len(tracks), dropped)]

    def _boxes(self, tracks: Records) -> Floats:
        boxes = tracks["belief"][:, PLACE].T.copy()
        corner, size = boxes[:2], boxes[2:]
        size[0] *= size[1]
        corner -= size / 2
        size += corner
        return boxes.T

    def _turn(self, camera: Floats) -> None:
        self._tracks["belief"] = turned_beliefs(self._tracks["belief"], camera, _POWERS)


def _places(boxes: Floats) -> Floats:
    size = boxes[:, 2:] - boxes[:, :2]
    places = np.empty_like(boxes)
    places[:, :2], places[:, _HEIGHT] = boxes[:, :2] + size / 2, size[:, 1]
    places[:, 2] = size[:, 0] / size[:, 1]
    return places


def _with_height(variance: tuple[Floats, Floats], places: Floats) -> Floats:
    """Returns variances of things at these places, `(..., coordinates)`: see `_GROWS`."""
    grows, fixed = variance
    return grows * np.square(places[..., _HEIGHT:]) + fixed
