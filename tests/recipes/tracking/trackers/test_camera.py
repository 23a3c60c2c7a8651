import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipes.tracking.trackers import ByteTracker, OcSortTracker, SortTracker
from recipes.tracking.trackers.camera import own_moves, turned_beliefs, turned_boxes
from recipes.tracking.trackers.kalman import believe
from tests.recipes.tracking.trackers.walker import BOX

TRACKERS = [ByteTracker, OcSortTracker, SortTracker]


def similarity(angle=0.0, zoom=1.0, shift=(0.0, 0.0)):
    """How the picture moves: turned, grown, shifted."""
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.concatenate([turn, np.reshape(shift, (2, 1))], axis=1)


def joined(camera, other):
    """What one motion and then the other do."""
    square = [np.concatenate([motion, [[0, 0, 1]]]) for motion in (camera, other)]
    return (square[1] @ square[0])[:2]


@given(st.floats(-3, 3), st.floats(0.5, 2), st.tuples(st.floats(-50, 50), st.floats(-50, 50)))
def test_boxes_move_turn_and_grow_with_the_picture(angle, zoom, shift):
    camera = similarity(angle, zoom, shift)
    turned = turned_boxes(BOX[None], camera)[0]
    centre = camera @ [*(BOX[:2] + BOX[2:]) / 2, 1]
    np.testing.assert_allclose((turned[:2] + turned[2:]) / 2, centre, atol=1e-9)
    np.testing.assert_allclose(turned[2:] - turned[:2], zoom * (BOX[2:] - BOX[:2]))


def test_beliefs_move_turn_and_grow_with_the_picture():
    belief = believe(np.array([[10.0, 20, 30, 2]]), np.array([1.0, 4, 9, 1]), np.ones(4))
    belief[:, 1] = [1, 0, 3, 0]
    turned = turned_beliefs(belief, similarity(np.pi / 2, zoom=2, shift=(100, 0)), (2.0, 0.0))[0]
    np.testing.assert_allclose(turned[0], [100 - 40, 20, 120, 2], atol=1e-9)
    np.testing.assert_allclose(turned[1], [0, 2, 12, 0], atol=1e-9)
    np.testing.assert_allclose(turned[2], [16, 4, 144, 1], atol=1e-9)


def test_own_moves_are_without_the_camera():
    camera = similarity(0.1, 1.2, (5, -3))
    before = BOX - 7
    centre = (before[:2] + before[2:]) / 2
    resting = camera @ [*centre, 1]
    now = np.concatenate([resting - 10, resting + 10])
    np.testing.assert_allclose(own_moves(now[None], (resting - centre)[None], camera), 0, atol=1e-9)


def crowd():
    """Four who stand where they are."""
    return BOX + np.array([[0, 0, 0, 0], [90, 90, 90, 90], [90, 0, 90, 0], [0, 90, 0, 90]])


@pytest.mark.parametrize("with_moves", [False, True])
@pytest.mark.parametrize("kind", TRACKERS)
def test_a_camera_that_jumps_loses_nobody_if_it_is_known(kind, with_moves):
    random = np.random.default_rng(0)
    known, unknown, whole = kind(), kind(), similarity()
    for _ in range(30):
        jump = similarity(
            random.normal(0, 0.05), random.uniform(0.95, 1.05), random.normal(0, 30, 2)
        )
        before, whole = whole, joined(whole, jump)
        boxes = turned_boxes(crowd(), whole)
        moves = centres(boxes) - centres(turned_boxes(crowd(), before)) if with_moves else None
        found = known.update(boxes, [0.9] * 4, [0] * 4, None, moves, jump)
        lost = unknown.update(boxes, [0.9] * 4, [0] * 4)
    places = centres(found.boxes)[found.ids.argsort()]
    np.testing.assert_allclose(places, centres(boxes)[known_order(found)], atol=2)
    assert sorted(found.ids) == [1, 2, 3, 4]
    assert sorted(lost.ids) != [1, 2, 3, 4]


def centres(boxes):
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def known_order(tracks):
    return np.sort(tracks.ids) - 1
