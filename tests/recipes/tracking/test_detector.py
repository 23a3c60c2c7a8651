from itertools import pairwise

import pytest
import torch

from recipes.tracking.detector import PersonDetector, make_tiles
from tests.recipes.tracking.precision import measure


@pytest.mark.parametrize(
    "size", [(768, 576), (1920, 1080), (300, 300), (200, 900), (31, 7), (1, 1)]
)
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_tiles_of_each_size_cover_the_frame_and_stay_inside(size, levels):
    width, height = size
    tiles = list(make_tiles(width, height, levels))
    for side in {tile.side for tile in tiles}:
        seen = torch.zeros(height, width, dtype=torch.bool)
        for tile in (tile for tile in tiles if tile.side == side):
            assert tile.left + side <= width
            assert tile.top + side <= height
            seen[tile.top : tile.top + side, tile.left : tile.left + side] = True
        assert seen.all()


@pytest.mark.parametrize("width", range(480, 2400, 160))
def test_whoever_is_half_as_wide_as_the_frame_is_high_is_whole_in_a_tile(width):
    lefts = [tile.left for tile in make_tiles(width, 480, levels=1)]
    assert all(b - a <= 240 for a, b in pairwise(lefts))


@pytest.mark.parametrize(("size", "count"), [((768, 576), 2), ((1920, 1080), 3), ((1080, 1920), 3)])
def test_common_frames_need_few_tiles(size, count):
    assert len(list(make_tiles(*size, levels=1))) == count


def test_finds_the_people_in_the_clip(net, people):
    found = PersonDetector(net)(people[0], min_score=0.5)
    assert found.boxes.round().tolist() == [
        pytest.approx(box, abs=2)  # codecs and processors differ a little
        for box in [
            [583, 133, 614, 201],
            [678, 97, 704, 163],
            [198, 160, 228, 234],
            [502, 224, 531, 314],
            [587, 219, 622, 315],
            [356, 212, 399, 292],
        ]
    ]
    assert found.scores.tolist() == pytest.approx([0.98, 0.97, 0.90, 0.85, 0.81, 0.67], abs=0.05)
    assert found.labels.tolist() == [0] * 6


def test_min_score_leaves_out_the_less_sure(net, people):
    all_of_them = PersonDetector(net)(people[0], min_score=0.2)
    some = PersonDetector(net)(people[0], min_score=0.8)
    assert 0 < len(some) < len(all_of_them)
    assert some.scores.min() >= 0.8


@pytest.mark.parametrize("turned", [False, True])
def test_boxes_are_in_pixels_of_the_frame(net, people, turned):
    frame = people[0][:, 400:600] if turned else people[0]
    found = PersonDetector(net)(frame, min_score=0.2)
    height, width, _ = frame.shape
    assert len(found) > 0
    assert (found.boxes >= 0).all()
    assert (found.boxes <= torch.tensor([width, height, width, height])).all()


@pytest.mark.parametrize("size", [(1, 1), (60, 500), (300, 300)])
def test_frames_of_any_size_pass(net, size):
    found = PersonDetector(net, levels=2)(torch.zeros(*size, 3, dtype=torch.uint8), min_score=0.5)
    assert len(found) == 0


def test_average_precision_on_real_video(net, data):
    assert measure(data, "TUD-Stadtmitte", PersonDetector(net), every=20) > 0.8
