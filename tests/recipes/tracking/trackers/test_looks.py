import numpy as np
import pytest

from recipes.tracking.trackers import ByteTracker, OcSortTracker, ReId, SortTracker
from recipes.tracking.trackers.looks import LookMemory
from tests.recipes.tracking.trackers.walker import BOX, moved

RED, BLUE, NOTHING = np.array([[1.0, 0], [0, 1], [0, 0]])
SURE = ReId(weight=1.0, level=0.5, memory=0.75)
TRACKERS = [ByteTracker, OcSortTracker, SortTracker]


def memory(**looks):
    """A memory of the looks of tracks 1, 2, ..."""
    made = LookMemory(SURE)
    made.learn(np.arange(1, len(looks) + 1), np.array([*looks.values()]))
    return made


def test_the_same_look_speaks_for_a_pair_and_another_against_it():
    favour = memory(red=RED, blue=BLUE).favour(np.array([RED, BLUE]), np.array([1, 2]))
    np.testing.assert_allclose(favour, [[0.5, -0.5], [-0.5, 0.5]])


def test_a_look_that_is_not_known_says_nothing():
    favour = memory(red=RED).favour(np.array([RED, NOTHING]), np.array([1, 2]))
    np.testing.assert_allclose(favour, [[0.5, 0], [0, 0]])
    unknown = memory(nothing=NOTHING).favour(np.array([RED]), np.array([1]))
    np.testing.assert_allclose(unknown, [[0]])


def test_a_look_changes_slowly():
    changing = memory(red=RED)
    changing.learn(np.array([1]), np.array([BLUE]))
    changing.learn(np.array([1]), np.array([NOTHING]))
    np.testing.assert_allclose(changing.state_dict()["looks"], [[0.948683, 0.316228]], atol=1e-6)


def test_forgets_who_is_gone():
    kept = memory(red=RED, blue=BLUE)
    kept.keep(np.array([2]))
    assert kept.state_dict()["look_ids"].tolist() == [2]


def follow(tracker, looks):
    """Two walk into each other, and then come apart: each has turned around; who is where then?"""
    for step in range(-40, 1, 4):
        tracker.update([moved(step), moved(-step)], [0.9] * 2, [0] * 2, looks)
    for step in range(-4, -41, -4):
        tracks = tracker.update([moved(step), moved(-step)], [0.9] * 2, [0] * 2, looks)
    return tracks.ids[tracks.boxes[:, 0].argsort()].tolist()


@pytest.mark.parametrize("kind", TRACKERS)
def test_looks_tell_who_is_who_where_overlaps_are_wrong(kind):
    looks = np.array([RED, BLUE])
    assert follow(kind(), looks) == [2, 1]
    assert follow(kind(reid=SURE), looks) == [1, 2]


@pytest.mark.parametrize("kind", TRACKERS)
def test_looks_that_are_not_known_change_nothing(kind):
    unknown = np.array([NOTHING, NOTHING])
    assert follow(kind(reid=SURE), unknown) == follow(kind(reid=SURE), None) == [2, 1]


@pytest.mark.parametrize("kind", TRACKERS)
def test_somebody_who_looks_different_is_a_new_track(kind):
    tracker = kind(reid=SURE)
    for _ in range(5):
        tracker.update([BOX], [0.9], [0], [RED])
    for _ in range(5):
        tracks = tracker.update([moved(8)], [0.9], [0], [BLUE])
    assert tracks.ids.tolist() == [2]
