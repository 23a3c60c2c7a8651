import numpy as np

from recipes.tracking.boxes import Tracks
from recipes.tracking.trails import TrailMemory


def shown(frame, *ids):
    """Everyone's feet are at (id + frame, 50)."""
    x = np.array(ids, float).reshape(-1, 1) + frame
    boxes = np.concatenate([x - 5, 0 * x, x + 5, 0 * x + 50], axis=1)
    return Tracks(frame, np.array(ids, np.int64), boxes, np.ones(len(ids)), np.zeros(len(ids), int))


def test_a_trail_is_where_the_feet_have_been_oldest_first():
    memory = TrailMemory()
    for frame in (1, 2, 3):
        trails = memory.update(shown(frame, 100, 200))
    np.testing.assert_array_equal(
        trails.points[trails.ids == 100], [[101, 50], [102, 50], [103, 50]]
    )


def test_forgets_what_is_older_than_its_length():
    memory = TrailMemory(length=2)
    for frame in (1, 2, 3):
        trails = memory.update(shown(frame, 100))
    assert trails.points[:, 0].tolist() == [102, 103]


def test_who_has_gone_fades_out():
    memory = TrailMemory(length=2)
    memory.update(shown(1, 100))
    assert [len(memory.update(shown(frame)).ids) for frame in (2, 3)] == [1, 0]


def test_goes_on_from_a_saved_state():
    one, other = TrailMemory(), TrailMemory()
    one.update(shown(1, 100, 200))
    other.load_state_dict(one.state_dict())
    expected, again = one.update(shown(2, 100)), other.update(shown(2, 100))
    np.testing.assert_array_equal(again.ids, expected.ids)
    np.testing.assert_array_equal(again.points, expected.points)


def test_reset_forgets_everything():
    memory = TrailMemory()
    memory.update(shown(1, 100))
    memory.reset()
    assert len(memory.update(shown(1)).ids) == 0
