import numpy as np
import pytest
import torch
from torch import nn

from recipes.tracking.appearance import Colours, Embedding

RED, GREEN, GREY = (220, 30, 30), (30, 200, 60), (128, 128, 128)
WHOLE = [0, 0, 20, 60]
DESCRIBERS = [Colours(), Embedding(nn.Flatten(), height=6, width=2)]


def dressed(*colours):
    """Somebody of 20 x 60 pixels, from top to bottom in these colours."""
    stripes = [torch.tensor(colour, dtype=torch.uint8).expand(20, 20, 3) for colour in colours]
    return torch.cat(stripes)


def likeness(one, other):
    return float(Colours()(one, [WHOLE])[0] @ Colours()(other, [WHOLE])[0])


def test_who_wears_the_same_looks_the_same():
    someone = dressed(GREY, RED, GREEN)
    assert likeness(someone, someone) == pytest.approx(1)
    assert likeness(someone, dressed(GREY, GREEN, RED)) == pytest.approx(1 / 3)
    assert likeness(someone, dressed(GREEN, GREY, RED)) == pytest.approx(0)


def test_what_is_beside_the_middle_does_not_matter():
    frame = dressed(RED, RED, RED)
    beside = frame.clone()
    beside[:, :4] = beside[:, 16:] = torch.tensor(GREEN, dtype=torch.uint8)
    torch.testing.assert_close(Colours()(frame, [WHOLE]), Colours()(beside, [WHOLE]))


def test_real_people_look_like_themselves_a_frame_later(people):
    boxes = [[330, 120, 350, 170], [240, 60, 260, 110]]
    first, second = (Colours()(frame, boxes) for frame in people[:2])
    same, other = (first * second).sum(dim=1), (first * second.flip(0)).sum(dim=1)
    assert (same > other).all()


@pytest.mark.parametrize("describe", DESCRIBERS)
def test_looks_have_length_1_and_the_kind_of_numbers_that_networks_have(describe):
    looks = describe(dressed(RED, GREY, GREEN), [WHOLE, [3, 7, 11, 40]])
    torch.testing.assert_close(looks.norm(dim=1), torch.ones(2))
    assert looks.dtype == torch.float32


@pytest.mark.parametrize("describe", DESCRIBERS)
@pytest.mark.parametrize(
    "box",
    [[30, 0, 50, 60], [-9, 0, 0, 60], [0, 70, 20, 90], [5, 5, 5, 5], [np.nan, 0, np.nan, 9]],
)
def test_a_box_that_shows_nothing_has_no_look(describe, box):
    frame = dressed(RED, GREY, GREEN)
    looks = describe(frame, [box, WHOLE])
    assert looks.any(dim=1).tolist() == [False, True]
    assert describe(frame, [box]).shape == (1, looks.shape[1])


@pytest.mark.parametrize("describe", DESCRIBERS)
def test_no_boxes_have_looks_of_the_same_length(describe):
    frame = dressed(RED, GREY, GREEN)
    none, some = describe(frame, torch.zeros(0, 4)), describe(frame, torch.tensor([WHOLE]))
    assert none.shape == (0, some.shape[1])


@pytest.mark.parametrize("describe", DESCRIBERS)
def test_boxes_reach_out_of_the_frame(describe):
    frame = dressed(RED, RED, RED)
    inside, outside = describe(frame, [WHOLE, [-100, -50, 120, 110]])
    torch.testing.assert_close(inside, outside)


class Mean(nn.Module):
    """The mean colour; it counts its calls, and remembers whether it was training."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def forward(self, images):
        self.calls, self.was_training = self.calls + 1, self.training
        return images.mean(dim=(2, 3))


def test_a_network_sees_crops_from_0_to_1_all_in_one_call():
    net = Mean()
    looks = Embedding(net)(dressed(RED, GREY, GREEN), [[0, 0, 20, 20], [0, 40, 20, 60]])
    expected = nn.functional.normalize(torch.tensor([RED, GREEN]) / 255)
    torch.testing.assert_close(looks, expected)
    assert (net.calls, net.was_training) == (1, False)
