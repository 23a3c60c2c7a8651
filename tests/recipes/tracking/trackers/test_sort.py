import pytest

from recipes.tracking.trackers import SortTracker
from tests.recipes.tracking.trackers.walker import BOX, moved, see


def test_shows_everyone_in_the_first_frames_and_later_only_who_is_found_again():
    tracker = SortTracker(min_hits=2)
    other = BOX + 200
    shown = [see(tracker, BOX), see(tracker, BOX), see(tracker, BOX, other)]
    shown += [see(tracker, BOX, other), see(tracker, BOX, other)]
    assert [tracks.ids.tolist() for tracks in shown] == [[1], [1], [1], [1], [2, 1]]


@pytest.mark.parametrize(("max_age", "who"), [(1, 2), (3, 1)])
def test_forgets_after_max_age(max_age, who):
    tracker = SortTracker(max_age=max_age, min_hits=0)
    see(tracker, BOX)
    for _ in range(2):
        assert len(see(tracker)) == 0
    assert see(tracker, BOX).ids.tolist() == [who]


def test_takes_the_best_pairs_where_boxes_overlap_several():
    tracker = SortTracker(min_hits=0)
    left, right = BOX, moved(8)
    see(tracker, left, right)
    tracks = see(tracker, right, left)
    found = dict(zip(tracks.ids.tolist(), tracks.boxes[:, 0].round(), strict=True))
    assert found == {1: 10, 2: 18}


def test_scores_do_not_matter():
    tracker = SortTracker()
    see(tracker, BOX)
    assert see(tracker, moved(1), score=0.01).ids.tolist() == [1]


def test_a_track_has_the_label_of_its_last_detection():
    tracker = SortTracker()
    tracker.update([BOX], [0.9], [3])
    assert tracker.update([BOX], [0.9], [4]).labels.tolist() == [4]
