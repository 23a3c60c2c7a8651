import numpy as np
import pytest
import torch

from recipes.tracking.boxes import Tracks
from recipes.tracking.draw import colour_of, draw
from recipes.tracking.trails import Trails

NOWHERE = Trails(np.zeros(0, np.int64), np.zeros((0, 2)))


def tracks(*boxes):
    count = len(boxes)
    return Tracks(
        5,
        np.arange(1, count + 1),
        np.array(boxes, float).reshape(-1, 4),
        np.ones(count),
        np.zeros(count, int),
    )


def black(height=240, width=320):
    return torch.zeros(height, width, 3, dtype=torch.uint8)


def test_the_frame_itself_is_left_alone():
    frame = black()
    image = draw(frame, tracks([100, 100, 150, 200]), NOWHERE)
    assert (frame == 0).all()
    assert (image.shape, image.dtype) == (frame.shape, torch.uint8)


def test_a_box_is_drawn_in_the_colour_of_its_id():
    image = draw(black(), tracks([100, 100, 150, 200]), NOWHERE)
    assert tuple(image[150, 100].tolist()) == colour_of(1)
    assert tuple(image[150, 150].tolist()) == colour_of(1)
    assert (image[110:190, 110:140] == 0).all()


def test_a_trail_is_drawn_where_the_feet_have_been():
    points = np.stack([np.arange(50.0, 250), np.full(200, 220.0)], axis=1)
    image = draw(black(), tracks(), Trails(np.full(200, 3), points))
    trail = image[220, 60:240].float()
    assert (trail - 0.75 * torch.tensor(colour_of(3))).abs().max() <= 1


def test_colours_are_stable_and_neighbours_differ():
    colours = np.array([colour_of(who) for who in range(1, 200)])
    assert colour_of(7) == colour_of(np.int64(7))
    assert np.abs(np.diff(colours, axis=0)).sum(axis=1).min() > 100


@pytest.mark.parametrize("size", [(1, 1), (48, 64), (1080, 1920)])
@pytest.mark.parametrize("box", [[-50, -50, 10, 10], [0, 0, 9e9, 9e9], [30, 2, 31, 3]])
def test_any_box_in_any_frame_can_be_drawn(size, box):
    trails = Trails(np.array([1, 1]), np.array([[0.0, 0], [1e12, -1e12]]))
    assert draw(black(*size), tracks(box), trails).shape == (*size, 3)
