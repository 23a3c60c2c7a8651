import numpy as np
import pytest

from recipes.tracking.trackers import OcSortTracker, SortTracker
from tests.recipes.tracking.trackers.walker import BOX, moved, see


def started(**settings):
    """A tracker that has seen a walker for a while."""
    tracker = OcSortTracker(**settings)
    for step in range(10):
        see(tracker, moved(4 * step))
    return tracker


def test_shows_the_box_that_was_observed():
    tracks = see(started(), moved(43))
    np.testing.assert_array_equal(tracks.boxes, [moved(43)])


@pytest.mark.parametrize(("score", "who"), [(0.6, []), (0.61, [1])])
def test_a_detection_must_be_sure(score, who):
    assert see(OcSortTracker(), BOX, score=score).ids.tolist() == who


def shifted(x, y):
    """The box somewhere else."""
    return BOX + np.array([x, y, x, y])


@pytest.mark.parametrize(("inertia", "first"), [(0.2, (3, 1)), (0.0, (1, 8))])
def test_the_direction_decides_where_overlaps_hardly_differ(inertia, first):
    """The first walks to the right, the second down; they meet (OCM)."""
    tracker = OcSortTracker(inertia=inertia)
    for step in range(-40, 0, 5):
        see(tracker, shifted(step, 0), shifted(0, step))
    tracks = see(tracker, shifted(3, 1), shifted(1, 8))
    np.testing.assert_array_equal(tracks.boxes[tracks.ids == 1], [shifted(*first)])


def test_who_stops_unseen_is_found_where_they_were_seen_last():
    """The filter has moved on by then (OCR)."""
    tracker = started(min_hits=0)
    for _ in range(4):
        see(tracker)
    assert see(tracker, moved(36)).ids.tolist() == [1]


def test_a_track_that_was_missed_learns_what_lies_between():
    """It is found again as if it had been seen all the time: its filter is as sure (ORU)."""
    relived, all_seen, missed = OcSortTracker(), SortTracker(), SortTracker(max_age=30)
    variances = []
    for tracker in (relived, all_seen, missed):
        for step in range(10):
            see(tracker, moved(4 * step))
        for step in range(10, 16):
            see(tracker, moved(4 * step)) if tracker is all_seen else see(tracker)
        see(tracker, moved(4 * 16))
        variances.append(tracker.state_dict()["belief"][0, 2, 0])
    assert variances[0] <= variances[1] < variances[2]
