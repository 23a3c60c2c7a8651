import numpy as np
import pytest
import torch

from recipes.tracking.flow import camera_of, dense_flow, moves_of


@pytest.fixture(scope="module")
def picture():
    """Something that has a pattern at every place: smooth noise, 240 x 320."""
    random = torch.Generator().manual_seed(0)
    noise = torch.rand(1, 3, 30, 40, generator=random) * 255
    large = torch.nn.functional.interpolate(noise, (240, 320), mode="bicubic", align_corners=False)
    return large[0].permute(1, 2, 0).clamp(0, 255).to(torch.uint8)


def shifted(picture, x, y):
    return torch.roll(picture, (y, x), dims=(0, 1))


def test_flow_looks_back(picture):
    flow = dense_flow(shifted(picture, 5, -3), picture)
    assert (flow.shape, flow.dtype) == ((240, 320, 2), torch.float32)
    torch.testing.assert_close(
        flow[40:200, 40:280].mean(dim=(0, 1)), torch.tensor([-5.0, 3]), atol=0.3, rtol=0
    )


def test_a_move_is_that_of_what_is_in_the_box(picture):
    frame = picture.clone()
    frame[80:160, 107:167] = picture[80:160, 100:160]  # a part moves to the right by 7
    moves = moves_of(dense_flow(frame, picture), [[107, 80, 167, 160], [230, 20, 300, 70]])
    np.testing.assert_allclose(moves, [[7, 0], [0, 0]], atol=0.5)


@pytest.mark.parametrize("box", [[400, 0, 500, 60], [-50, 0, -9, 60], [0, -90, 20, -5]])
def test_a_box_outside_of_the_frame_rests(picture, box):
    flow = dense_flow(shifted(picture, 4, 0), picture)
    assert moves_of(flow, [box]).tolist() == [[0, 0]]
    assert moves_of(flow, torch.zeros(0, 4)).shape == (0, 2)


def test_the_camera_is_what_most_of_the_picture_agrees_on(picture):
    frame = shifted(picture, -6, 2)
    frame[100:140, 100:150] = shifted(picture, 9, 9)[100:140, 100:150]  # someone walks elsewhere
    camera = camera_of(dense_flow(frame, picture))
    np.testing.assert_allclose(camera, [[1, 0, -6], [0, 1, 2]], atol=0.3)


def test_a_zoom_is_seen(picture):
    scale = 1.05
    rows, columns = torch.meshgrid(torch.arange(240), torch.arange(320), indexing="ij")
    inside = (rows / scale).long(), (columns / scale).long()
    camera = camera_of(dense_flow(picture[inside], picture))
    np.testing.assert_allclose(camera[:, :2], scale * np.eye(2), atol=0.01)


def test_without_a_picture_the_camera_rests():
    assert camera_of(torch.full((64, 64, 2), torch.nan)).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert camera_of(torch.zeros(4, 4, 2)).tolist() == [[1, 0, 0], [0, 1, 0]]
