import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from recipes.tracking.boxes import Detections, join, overlaps, suppress


def detections(boxes, scores, labels=None):
    labels = torch.zeros(len(boxes), dtype=torch.int64) if labels is None else torch.tensor(labels)
    return Detections(torch.tensor(boxes, dtype=torch.float32), torch.tensor(scores), labels)


def test_overlap_is_intersection_over_union():
    some = np.array([[0.0, 0, 10, 10]])
    others = np.array([[0.0, 0, 10, 10], [5, 0, 15, 10], [10, 0, 20, 10], [3, 3, 3, 3]])
    np.testing.assert_allclose(overlaps(some, others), [[1, 1 / 3, 0, 0]])


def test_no_boxes_have_no_overlaps():
    none, two = np.zeros((0, 4)), np.ones((2, 4))
    assert (overlaps(none, two).shape, overlaps(two, none).shape) == ((0, 2), (2, 0))


def test_boxes_without_an_area_overlap_nothing():
    assert overlaps(np.ones((1, 4)), np.ones((1, 4))) == 0


def test_suppress_keeps_the_best_of_each_heap_best_first():
    found = detections([[0, 0, 10, 10], [1, 0, 11, 10], [50, 0, 60, 10]], scores=[0.6, 0.9, 0.7])
    kept = suppress(found, max_overlap=0.5)
    assert kept.boxes[:, 0].tolist() == [1, 50]
    assert kept.scores.tolist() == torch.tensor([0.9, 0.7]).tolist()


def test_a_dropped_box_drops_no_other():
    chain = detections([[0, 0, 10, 10], [4, 0, 14, 10], [8, 0, 18, 10]], scores=[0.9, 0.8, 0.7])
    assert suppress(chain, max_overlap=0.4).boxes[:, 0].tolist() == [0, 8]


def test_suppress_leaves_other_classes_alone():
    found = detections([[0, 0, 10, 10], [0, 0, 10, 10]], scores=[0.6, 0.9], labels=[1, 2])
    assert suppress(found, max_overlap=0.5).labels.tolist() == [2, 1]


@given(arrays(np.float64, (12, 2), elements=st.floats(0, 50)), st.floats(0.1, 0.9))
def test_suppress_leaves_no_two_that_overlap_more(corners, most):
    boxes = torch.from_numpy(np.concatenate([corners, corners + 20], axis=1))
    found = Detections(boxes, torch.linspace(0, 1, 12), torch.zeros(12, dtype=torch.int64))
    kept = suppress(found, max_overlap=most).boxes.numpy()
    assert (np.triu(overlaps(kept, kept), k=1) <= most).all()


def test_empty_detections_pass():
    assert len(suppress(join([Detections.none(), Detections.none()]), max_overlap=0.5)) == 0
