import numpy as np
import pytest
import torch

from recipes.tracking.boxes import Tracks
from recipes.tracking.draw import PARTS, USUAL, draw, parts_of
from recipes.tracking.plate import colour_of
from recipes.tracking.trails import TrailMemory, Trails
from recipes.tracking.zones.counter import ZoneCounter
from recipes.tracking.zones.shapes import Line, Polygon
from tests.recipes.tracking.conftest import refusal

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


def changed(image, ground=None):
    """Which pixels are no longer black."""
    return (image if ground is None else image.int() - ground.int()).any(dim=2)


def test_only_what_is_asked_for_is_drawn():
    box = tracks([100, 100, 150, 200])
    trail = Trails(np.array([1, 1]), np.array([[20.0, 200], [60.0, 200]]))
    assert not changed(draw(black(), box, trail, parts=())).any()
    assert changed(draw(black(), box, trail, parts=("trails",))).nonzero()[:, 0].min() > 190
    assert not changed(draw(black(), box, trail, parts=("boxes",)))[:98].any()
    caption = changed(draw(black(), box, trail, parts=("ids",)))
    assert caption[85:100, 100:110].all()
    assert not caption[101:].any()


def test_captions_are_as_long_as_what_they_say():
    def width(*parts, names=()):
        image = draw(black(), tracks([10, 100, 50, 200]), NOWHERE, parts=parts, names=names)
        return int(changed(image).any(dim=0).sum())

    short, long = width("labels", names=["ox"]), width("labels", names=["hippopotamus"])
    assert width("ids") < short < width("ids", "labels", names=["ox"]) < long
    assert width("labels", names=[]) > short  # `class 0`
    assert width("ids", "scores") == width("scores", "ids") > width("scores")


@pytest.mark.parametrize(
    ("height", "width", "thick"), [(240, 320, 3), (480, 640, 3), (1080, 1920, 5)]
)
def test_lines_are_thicker_in_larger_frames(height, width, thick):
    image = draw(black(height, width), tracks([100, 100, 200, 230]), NOWHERE, parts=("boxes",))
    side = image[165, 90:110].amax(dim=1)
    assert (side == 255).sum() == thick  # between two pixels that are a little touched


def test_zones_are_drawn_with_what_they_count():
    zones = [
        Line("door", np.array([[20.0, 120], [120, 120]])),
        Polygon("hall", np.array([[200.0, 50], [300, 50], [300, 150], [200, 150]])),
    ]
    counts = ZoneCounter(zones).update(tracks())
    image = draw(black(), tracks(), NOWHERE, counts, parts=("zones",))
    assert changed(image)[120, 20:120].all()
    assert changed(image)[125:139, 70].all()  # the arrow points to where it counts as in
    assert not changed(image)[125:139, 40].any()
    assert changed(image)[60:140, 210:290].all()
    assert not changed(draw(black(), tracks(), NOWHERE, counts, parts=("boxes",))).any()
    more = counts[0].__class__(zones[0], 1000, 1000, 0, np.zeros(0, np.int64))
    assert changed(draw(black(), tracks(), NOWHERE, (more,)), image).any()


def test_boxes_that_are_no_numbers_are_not_drawn():
    nobody = draw(black(), tracks(), NOWHERE)
    some = tracks([np.nan] * 4, [10, 10, np.inf, 20], [0, np.nan, 5, 9])
    assert torch.equal(draw(black(), some, TrailMemory().update(some), parts=USUAL), nobody)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("boxes", {"boxes"}),
        (" ids , trails,", {"ids", "trails"}),
        ("", set()),
        ("none", set()),
        ("all", set(PARTS)),
    ],
)
def test_the_parts_to_draw_are_read_from_text(text, parts):
    assert parts_of(text) == parts


def test_a_part_that_cannot_be_drawn_is_named():
    assert refusal(parts_of, "boxes,hats,capes") == (
        "cannot draw capes, hats: give --draw some of "
        "boxes,ids,labels,scores,trails,zones,heading, or all, or none."
    )
