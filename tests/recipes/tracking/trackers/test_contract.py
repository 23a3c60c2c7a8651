"""What every tracker promises, whatever it does inside."""

import numpy as np
import pytest

from recipes.tracking.mot import read_detections
from recipes.tracking.trackers import ByteTracker, OcSortTracker, SortTracker
from tests.recipes.tracking.trackers.crowd import crowd
from tests.recipes.tracking.trackers.walker import BOX, moved, see

TRACKERS = [SortTracker, ByteTracker, OcSortTracker]
pytestmark = pytest.mark.parametrize("kind", TRACKERS)


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
    tracks = tracker.update([BOX], [0.75], [4])
    assert (tracks.frame, tracks.scores.tolist(), tracks.labels.tolist()) == (2, [0.75], [4])


def test_frames_without_detections_are_frames(kind):
    tracker = kind()
    assert [see(tracker).frame for _ in range(3)] == [1, 2, 3]
    for _ in range(100):
        see(tracker, BOX), see(tracker)
    assert len(see(tracker)) == 0


@pytest.mark.parametrize(
    "box",
    [[10, 20, 10, 80], [10, 20, 30, 20], [30, 20, 10, 80], [np.nan, 0, 1, 1], [0, 0, np.inf, 1]],
)
def test_leaves_out_boxes_that_are_none(kind, box):
    tracker = kind()
    assert see(tracker, box, BOX).ids.tolist() == [1]
    assert see(tracker, BOX, box).ids.tolist() == [1]


def test_one_score_and_label_for_each_box(kind):
    with pytest.raises(ValueError, match="labels") as caught:
        kind().update([BOX], [0.9, 0.8], [0])
    assert str(caught.value) == (
        "cannot track 1 boxes with 2 scores and 1 labels: give one of each for every box."
    )


def test_a_shrinking_track_never_gets_a_negative_area(kind):
    tracker = kind()
    for size in (100, 60, 30, 10):
        see(tracker, [0, 0, size, size])
    for _ in range(50):
        see(tracker)
    assert np.isfinite(tracker.state_dict()["belief"]).all()


def test_what_it_returned_stays_as_it_is(kind):
    tracker = kind()
    tracks = see(tracker, BOX)
    kept = tracks.boxes.copy(), tracks.scores.copy()
    see(tracker, moved(5))
    np.testing.assert_array_equal(tracks.boxes, kept[0])
    np.testing.assert_array_equal(tracks.scores, kept[1])


def test_goes_on_from_a_saved_state(kind):
    frames = list(crowd(seed=0))
    one, other = kind(), kind()
    for boxes, scores in frames[:30]:
        one.update(boxes, scores, np.zeros(len(boxes)))
    state = one.state_dict()
    expected = [one.update(b, s, np.zeros(len(b))) for b, s in frames[30:]]
    other.load_state_dict(state)  # a copy: `one` has moved on, its state must not
    for (boxes, scores), tracks in zip(frames[30:], expected, strict=True):
        assert_same(other.update(boxes, scores, np.zeros(len(boxes))), tracks)


def test_its_state_is_plain_numbers_and_arrays(kind):
    tracker = kind()
    see(tracker, BOX)
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
