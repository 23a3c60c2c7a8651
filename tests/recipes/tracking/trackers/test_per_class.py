import numpy as np

from recipes.tracking.trackers import ByteTracker, PerClass, SortTracker
from tests.recipes.tracking.trackers.walker import BOX, moved

PERSON, CAR = 0, 2


def test_nobody_becomes_a_car():
    alone, each = ByteTracker(), PerClass(ByteTracker)
    for tracker, ids in ((alone, [1]), (each, [])):
        tracker.update([BOX], [0.9], [PERSON])
        assert tracker.update([moved(1)], [0.9], [CAR]).ids.tolist() == ids


def test_ids_are_unique_and_each_class_has_its_own():
    tracker = PerClass(SortTracker)
    for step in range(10):
        boxes = [moved(step), moved(step) + 5, moved(-step)]
        tracks = tracker.update(boxes, [0.9] * 3, [CAR, PERSON, CAR])
    assert sorted(tracks.ids) == [1, 2, 3]
    assert tracks.labels.tolist() == [PERSON, CAR, CAR]


def test_with_one_class_it_is_the_tracker():
    alone, each = SortTracker(), PerClass(SortTracker)
    for step in range(10):
        one, other = (t.update([moved(step)], [0.9], [CAR]) for t in (alone, each))
        np.testing.assert_array_equal(one.boxes, other.boxes)
        assert one.frame == other.frame


def test_a_class_that_comes_late_is_not_in_the_first_frame():
    tracker = PerClass(ByteTracker)
    for _ in range(3):
        tracker.update([BOX], [0.9], [PERSON])
    assert tracker.update([BOX, BOX + 99], [0.9] * 2, [PERSON, CAR]).ids.tolist() == [1]
    assert tracker.update([BOX, BOX + 99], [0.9] * 2, [PERSON, CAR]).ids.tolist() == [1, 2]


def test_a_class_that_is_away_is_kept_and_forgotten_as_any_track():
    tracker = PerClass(SortTracker)
    tracker.update([BOX, BOX + 99], [0.9] * 2, [PERSON, CAR])
    for _ in range(2):
        tracker.update([BOX], [0.9], [PERSON])
    tracks = tracker.update([BOX, BOX + 99], [0.9] * 2, [PERSON, CAR])
    assert tracks.ids.tolist() == [1]  # the car is new, and not yet shown
