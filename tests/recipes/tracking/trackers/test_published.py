"""The trackers give what the published ones give: on real detections, and on random crowds."""

import numpy as np
import pytest

from recipes.tracking.mot import read_detections
from recipes.tracking.trackers import ByteTracker, OcSortTracker, SortTracker
from tests.recipes.tracking.trackers.crowd import crowd
from tests.recipes.tracking.trackers.plain_bytetrack import PlainByteTrack
from tests.recipes.tracking.trackers.plain_ocsort import PlainOcSort
from tests.recipes.tracking.trackers.plain_sort import PlainSort

SEQUENCES = ["PETS09-S2L1", "TUD-Campus", "TUD-Stadtmitte"]
PUBLISHED = {"sort": SortTracker, "bytetrack": ByteTracker, "ocsort": OcSortTracker}
PLAIN = {SortTracker: PlainSort, ByteTracker: PlainByteTrack, OcSortTracker: PlainOcSort}
FEW = {"max_age": 3, "min_hits": 1}
SETTINGS = [
    (SortTracker, {}),
    (SortTracker, FEW),
    (ByteTracker, {}),
    (ByteTracker, {"buffer": 3, "high": 0.65, "new": 0.65, "match_limit": 0.8}),
    (OcSortTracker, {}),
    (OcSortTracker, {**FEW, "min_score": 0.1, "span": 5, "inertia": 1.0}),
]


@pytest.mark.parametrize("sequence", SEQUENCES)
@pytest.mark.parametrize("name", PUBLISHED)
def test_reproduces_the_published_tracker(data, sequence, name):
    folder, tracker = data / "mot" / sequence, PUBLISHED[name]()
    lines = []
    for found in read_detections(folder / "det_frcnn" / "det.txt"):
        tracks = tracker.update(found.boxes, found.scores, found.labels)
        scores = tracks.scores if name == "bytetrack" else np.ones(len(tracks))
        for who, (x1, y1, x2, y2), score in zip(tracks.ids, tracks.boxes, scores, strict=True):
            box = f"{x1:.2f},{y1:.2f},{x2 - x1:.2f},{y2 - y1:.2f}"
            lines.append(f"{tracks.frame},{who},{box},{score:.4f},-1,-1,-1")
    assert lines == (folder / "reference" / f"{name}.txt").read_text().splitlines()


@pytest.mark.parametrize(("tracker", "settings"), SETTINGS)
def test_equals_the_plain_tracker_in_random_crowds(tracker, settings):
    for seed in range(8):
        fast, plain = tracker(**settings), PLAIN[tracker](**settings)
        for boxes, scores in crowd(seed, frames=100):
            tracks = fast.update(boxes, scores, np.zeros(len(boxes)))
            shown = plain.update(boxes, scores)
            assert tracks.ids.tolist() == [who for who, _, _ in shown]
            np.testing.assert_allclose(tracks.boxes, [box for _, box, _ in shown] or tracks.boxes)
            assert tracks.scores.tolist() == [score for _, _, score in shown]
