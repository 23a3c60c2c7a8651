import pytest

from recipes.tracking.trackers import ByteTracker, OcSortTracker, SortTracker
from recipes.tracking.trackers.kalman import SPEED
from tests.recipes.tracking.trackers.walker import moved

TRACKERS = [ByteTracker, OcSortTracker, SortTracker]
PACE = 18  # of a box of 20: it hardly overlaps where it was


def run(tracker, frames, with_moves):
    """Somebody runs to the right."""
    moves = [[PACE, 0]] if with_moves else None
    for step in range(frames):
        tracks = tracker.update([moved(PACE * step)], [0.9], [0], None, moves if step else None)
    return tracks


@pytest.mark.parametrize("kind", TRACKERS)
def test_who_runs_is_not_lost_where_moves_are_known(kind):
    assert run(kind(), 10, with_moves=True).ids.tolist() == [1]
    assert run(kind(), 10, with_moves=False).ids.tolist() != [1]


@pytest.mark.parametrize("kind", TRACKERS)
def test_a_move_is_a_measurement_of_the_speed(kind):
    tracker = kind()
    run(tracker, 2, with_moves=True)
    speed = tracker.state_dict()["belief"][0, SPEED, 0]
    assert PACE / 2 < speed < PACE + 0.1


def test_a_lost_track_is_expected_where_its_filter_says():
    """What has moved since the last frame says nothing about where it was lost."""
    tracker = SortTracker(max_age=5, min_hits=0)
    for step in range(10):
        tracker.update([moved(4 * step)], [0.9], [0])
    tracker.update([], [], [])
    away = tracker.update([moved(4 * 11)], [0.9], [0], None, [[300.0, 0]])
    assert away.ids.tolist() == [1]
