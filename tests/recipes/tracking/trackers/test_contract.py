"""What every tracker promises, whatever it does inside."""

from functools import partial

import numpy as np
import pytest

from recipes.tracking.mot import read_detections
from recipes.tracking.trackers import ByteTracker, OcSortTracker, PerClass, ReId, SortTracker
from tests.recipes.tracking.trackers.crowd import crowd
from tests.recipes.tracking.trackers.walker import BOX, moved, see

TRACKERS = {kind.__name__: kind for kind in (SortTracker, ByteTracker, OcSortTracker)}
TRACKERS |= {f"{name}, reid": partial(kind, reid=ReId()) for name, kind in TRACKERS.items()}
TRACKERS |= {f"{name}, per class": partial(PerClass, kind) for name, kind in TRACKERS.items()}
pytestmark = pytest.mark.parametrize("kind", TRACKERS.values(), ids=TRACKERS)


def assert_same(tracks, others):
    assert (tracks.frame, tracks.ids.tolist()) == (others.frame, others.ids.tolist())
    np.testing.assert_array_equal(tracks.boxes, others.boxes)
    np.testing.assert_array_equal(tracks.scores, others.scores)
    np.testing.assert_array_equal(tracks.labels, others.labels)


def test_a_walker_keeps_the_id(kind):
    tracker = kind()
    ids = [see(tracker, moved(step)).ids.tolist() for step in range(20)]
    assert ids == [[1]] * 20


def test_everyone_of_the_first_frame_is_shown(kind):
    assert sorted(see(kind(), BOX, BOX + 200).ids) == [1, 2]


def test_numbers_the_frames_and_hands_on_scores_and_labels(kind):
    tracker = kind()
    tracker.update([BOX], [0.8], [3])
    tracks = tracker.update([BOX], [0.75], [3])
    assert (tracks.frame, tracks.scores.tolist(), tracks.labels.tolist()) == (2, [0.75], [3])


def test_frames_without_detections_are_frames(kind):
    tracker = kind()
    assert [see(tracker).frame for _ in range(3)] == [1, 2, 3]
    for _ in range(100):
        see(tracker, BOX), see(tracker)
    assert len(see(tracker)) == 0


def test_nobody_at_all_is_no_tracks(kind):
    tracks = see(kind())
    assert (tracks.ids.shape, tracks.boxes.shape) == ((0,), (0, 4))
    assert (tracks.scores.shape, tracks.labels.shape) == ((0,), (0,))


@pytest.mark.parametrize(
    "box",
    [[10, 20, 10, 80], [10, 20, 30, 20], [30, 20, 10, 80], [np.nan, 0, 1, 1], [0, 0, np.inf, 1]],
)
def test_leaves_out_boxes_that_are_none(kind, box):
    tracker = kind()
    assert see(tracker, box, BOX).ids.tolist() == [1]
    assert see(tracker, BOX, box).ids.tolist() == [1]


def test_one_score_and_label_for_each_box(kind):
    box, score, label, look, move = [BOX], [0.9], [0], [[1.0, 0]], [[0.0, 0]]
    for wrong in ([box, score * 2, label], [box, score, []], [box, score, label, look * 2]):
        with pytest.raises(ValueError, match="give one for every box"):
            kind().update(*wrong)
    with pytest.raises(ValueError, match="moves") as caught:
        kind().update(box, score, label, look, move * 2)
    assert str(caught.value) == "cannot track 1 boxes with 2 moves: give one for every box."


def test_a_shrinking_track_never_gets_a_negative_area(kind):
    tracker = kind()
    for size in (100, 60, 30, 10):
        see(tracker, [0, 0, size, size])
    for _ in range(50):
        see(tracker)
    beliefs = [v for name, v in tracker.state_dict().items() if name.endswith("belief")]
    assert [np.isfinite(belief).all() for belief in beliefs] == [True]


def test_what_it_returned_stays_as_it_is(kind):
    tracker = kind()
    tracks = see(tracker, BOX)
    kept = tracks.boxes.copy(), tracks.scores.copy()
    see(tracker, moved(5))
    np.testing.assert_array_equal(tracks.boxes, kept[0])
    np.testing.assert_array_equal(tracks.scores, kept[1])


def crowded(seed):
    """What `update` takes for each frame of a crowd, with everything that it may take."""
    random = np.random.default_rng(seed)
    for boxes, scores in crowd(seed):
        looks = np.abs(random.normal(size=(len(boxes), 5)))
        looks /= np.linalg.norm(looks, axis=1, keepdims=True)
        moves, camera = random.normal(size=(len(boxes), 2)), np.array([[1, 0, 2.0], [0, 1, -1]])
        yield boxes, scores, random.integers(0, 2, len(boxes)), looks, moves, camera


def test_goes_on_from_a_saved_state(kind):
    frames = list(crowded(seed=0))
    one, other = kind(), kind()
    for frame in frames[:30]:
        one.update(*frame)
    state = one.state_dict()
    expected = [one.update(*frame) for frame in frames[30:]]
    other.load_state_dict(state)  # a copy: `one` has moved on, its state must not
    for frame, tracks in zip(frames[30:], expected, strict=True):
        assert_same(other.update(*frame), tracks)


def test_its_state_is_plain_numbers_and_arrays(kind):
    tracker = kind()
    tracker.update(*next(iter(crowded(seed=1))))
    state = tracker.state_dict()
    assert {type(value) for value in state.values()} == {int, np.ndarray}
    assert not any(v.dtype.names for v in state.values() if type(v) is np.ndarray)


def test_reset_forgets_everything(kind):
    tracker = kind()
    see(tracker, BOX)
    tracker.reset()
    tracks = see(tracker, BOX + 300)
    assert (tracks.frame, tracks.ids.tolist()) == (1, [1])


def test_takes_tensors_lists_and_arrays_alike(kind, data):
    frames = read_detections(data / "mot" / "TUD-Campus" / "det_frcnn" / "det.txt")[:20]
    one, other, third = kind(), kind(), kind()
    for found in frames:
        tracks = one.update(found.boxes, found.scores, found.labels)
        arrays = (found.boxes.numpy(), found.scores.numpy(), found.labels.numpy())
        assert_same(other.update(*arrays), tracks)
        assert_same(third.update(*(array.tolist() for array in arrays)), tracks)
