import pytest

from recipes.tracking.trackers import ByteTracker
from tests.recipes.tracking.trackers.walker import BOX, moved, see


def started():
    """A tracker that has seen a walker for a while."""
    tracker = ByteTracker()
    for step in range(5):
        see(tracker, moved(step))
    return tracker


def test_an_unsure_detection_keeps_a_track():
    tracker = started()
    assert see(tracker, moved(5), score=0.2).ids.tolist() == [1]
    assert len(see(tracker, moved(6), score=0.1)) == 0


def test_an_unsure_detection_brings_no_lost_track_back():
    tracker = started()
    see(tracker)
    assert len(see(tracker, moved(6), score=0.2)) == 0
    assert see(tracker, moved(7), score=0.65).ids.tolist() == [1]


@pytest.mark.parametrize(("score", "who"), [(0.69, []), (0.7, [1])])
def test_only_a_very_sure_detection_becomes_a_track(score, who):
    assert see(ByteTracker(), BOX, score=score).ids.tolist() == who


def test_a_new_track_is_shown_when_it_is_found_again_and_forgotten_if_not():
    tracker = started()
    assert see(tracker, moved(5), BOX + 300).ids.tolist() == [1]
    assert see(tracker, moved(6), BOX + 300).ids.tolist() == [1, 2]
    see(tracker, moved(7), BOX + 300, BOX + 600)
    see(tracker, moved(8), BOX + 300)
    assert see(tracker, moved(9), BOX + 300, BOX + 600).ids.tolist() == [1, 2]
    assert see(tracker, moved(10), BOX + 300, BOX + 600).ids.tolist() == [1, 2, 4]


def test_the_score_weighs_the_overlap():
    tracker = started()
    assert see(tracker, moved(5 + 8), score=1.0).ids.tolist() == [1]
    assert len(see(started(), moved(5 + 17), score=0.7)) == 0


@pytest.mark.parametrize(("missed", "who"), [(31, [1]), (32, [])])
def test_a_lost_track_is_kept_for_the_buffer_and_one_frame_more(missed, who):
    """As in the published code, which notices a frame late."""
    tracker = ByteTracker()
    for _ in range(3):
        see(tracker, BOX)
    for _ in range(missed):
        see(tracker)
    assert see(tracker, BOX).ids.tolist() == who


@pytest.mark.parametrize(("frames", "who"), [(5, 2), (20, 2), (21, 1), (30, 1)])
def test_of_two_tracks_at_one_place_the_one_that_lived_longer_stays(frames, who):
    tracker = ByteTracker()
    for _ in range(frames):
        see(tracker, BOX)
    for step in [*range(60, 0, -3), 2]:  # someone else walks to where the first was lost
        see(tracker, moved(step))
    assert tracker.state_dict()["id"].tolist() == [who]
