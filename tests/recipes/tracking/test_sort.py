import numpy as np
import pytest

from recipes.tracking.mot import MotWriter, read_detections
from recipes.tracking.sort import SortTracker

SEQUENCES = ["PETS09-S2L1", "TUD-Campus", "TUD-Stadtmitte"]
BOX = np.array([[10.0, 20.0, 30.0, 80.0]])


def see(tracker, *boxes):
    """One frame with these boxes."""
    return tracker.update(np.array(boxes).reshape(-1, 4), np.ones(len(boxes)), np.zeros(len(boxes)))


def moved(pixels):
    """The box, further to the right."""
    return BOX[0] + np.array([pixels, 0, pixels, 0])


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_reproduces_the_published_tracker(data, tmp_path, sequence):
    folder, tracker, writer = (
        data / "mot" / sequence,
        SortTracker(),
        MotWriter(tmp_path / "sort.txt"),
    )
    for found in read_detections(folder / "det_frcnn" / "det.txt"):
        writer.write(tracker.update(found.boxes, found.scores, found.labels))
    writer.close()
    assert (tmp_path / "sort.txt").read_text() == (folder / "reference" / "sort.txt").read_text()


def test_a_walker_keeps_the_id():
    tracker = SortTracker()
    ids = [see(tracker, moved(step)).ids.tolist() for step in range(20)]
    assert ids == [[1]] * 20


def test_shows_everyone_in_the_first_frames_and_later_only_who_is_found_again():
    tracker = SortTracker(min_hits=2)
    other = BOX[0] + 200
    shown = [see(tracker, BOX[0]), see(tracker, BOX[0]), see(tracker, BOX[0], other)]
    shown += [see(tracker, BOX[0], other), see(tracker, BOX[0], other)]
    assert [tracks.ids.tolist() for tracks in shown] == [[1], [1], [1], [1], [2, 1]]


@pytest.mark.parametrize(("max_age", "who"), [(1, []), (3, [1])])
def test_forgets_after_max_age(max_age, who):
    tracker = SortTracker(max_age=max_age, min_hits=0)
    see(tracker, BOX[0])
    for _ in range(2):
        assert len(see(tracker)) == 0
    assert see(tracker, BOX[0]).ids.tolist() == (who or [2])


def test_takes_the_best_pairs_where_boxes_overlap_several():
    tracker = SortTracker(min_hits=0)
    left, right = BOX[0], moved(8)
    see(tracker, left, right)
    tracks = see(tracker, right, left)
    found = dict(zip(tracks.ids.tolist(), tracks.boxes[:, 0].round(), strict=True))
    assert found == {1: 10, 2: 18}


def test_numbers_the_frames_and_hands_on_scores_and_labels():
    tracker = SortTracker()
    tracker.update(BOX, [0.5], [3])
    tracks = tracker.update(BOX, [0.75], [4])
    assert (tracks.frame, tracks.scores.tolist(), tracks.labels.tolist()) == (2, [0.75], [4])


@pytest.mark.parametrize(
    "box",
    [[10, 20, 10, 80], [10, 20, 30, 20], [30, 20, 10, 80], [np.nan, 0, 1, 1], [0, 0, np.inf, 1]],
)
def test_leaves_out_boxes_that_are_none(box):
    tracker = SortTracker()
    assert see(tracker, box, BOX[0]).ids.tolist() == [1]
    assert see(tracker, BOX[0], box).ids.tolist() == [1]


def test_frames_without_detections_are_frames():
    tracker = SortTracker()
    assert [see(tracker).frame for _ in range(3)] == [1, 2, 3]


def test_a_shrinking_track_never_gets_a_negative_area():
    tracker = SortTracker(max_age=100, min_hits=0)
    for size in (100, 60, 30, 10):
        see(tracker, [0, 0, size, size])
    for _ in range(50):
        see(tracker)
    assert np.isfinite(tracker.state_dict()["mean"]).all()


def test_goes_on_from_a_saved_state(data):
    frames = read_detections(data / "mot" / "TUD-Campus" / "det_frcnn" / "det.txt")
    one, other = SortTracker(), SortTracker()
    for found in frames[:30]:
        one.update(found.boxes, found.scores, found.labels)
    state = one.state_dict()
    expected = [one.update(f.boxes, f.scores, f.labels) for f in frames[30:]]
    other.load_state_dict(state)  # a copy: `one` has moved on, its state must not
    for found, tracks in zip(frames[30:], expected, strict=True):
        again = other.update(found.boxes, found.scores, found.labels)
        assert (again.frame, again.ids.tolist()) == (tracks.frame, tracks.ids.tolist())
        np.testing.assert_array_equal(again.boxes, tracks.boxes)


def test_its_state_is_plain_numbers_and_arrays():
    tracker = SortTracker()
    see(tracker, BOX[0])
    kinds = {type(value) for value in tracker.state_dict().values()}
    assert kinds == {int, np.ndarray}
    assert all(
        v.dtype.names is None for v in tracker.state_dict().values() if type(v) is np.ndarray
    )


def test_reset_forgets_everything():
    tracker = SortTracker()
    see(tracker, BOX[0])
    tracker.reset()
    tracks = see(tracker, BOX[0] + 300)
    assert (tracks.frame, tracks.ids.tolist()) == (1, [1])
