from fractions import Fraction
from unittest.mock import Mock

import cv2
import pytest

from recipes.tracking.inputs import Camera
from recipes.tracking.video import VideoInfo
from tests.recipes.tracking.conftest import RATE, flat, refusal


@pytest.fixture
def camera(film):
    """A camera that shows a film: OpenCV opens both in the same way."""
    path = film(frames=[flat(level) for level in (20, 60, 100)])
    return Camera(0, connect=lambda _: cv2.VideoCapture(str(path)))


def test_a_camera_is_live_and_tells_its_rate(camera):
    assert camera.live
    assert camera.probe() == VideoInfo(RATE, None)


def test_gives_what_the_camera_shows_until_it_is_unplugged(camera):
    levels = []
    shown = (picture().float().mean().item() for picture in camera.pictures())
    error = refusal(levels.extend, shown)
    assert error == "cannot read camera 0: it gives no more frames. Plug it in."
    assert levels == pytest.approx([20, 60, 100], abs=3)


def test_colours_are_rgb(film):
    red = flat(0)
    red[..., 0] = 255
    path = film(frames=[red])
    camera = Camera(0, connect=lambda _: cv2.VideoCapture(str(path)))
    frame = next(camera.pictures())()
    assert frame.float().mean(dim=(0, 1)).tolist() == pytest.approx([255, 0, 0], abs=6)


def test_a_camera_that_does_not_tell_its_rate():
    silent = Mock(cv2.VideoCapture)  # none can be had that opens and tells 0
    silent.get.return_value = 0.0
    assert Camera(0, connect=lambda _: silent).probe() == VideoInfo(Fraction(25), None)
    silent.release.assert_called_once()


def test_a_camera_that_is_not_there():
    expected = (
        "cannot read camera 99: there is none, or another program uses it. Plug it in, or name "
        "another one; 0 is the first."
    )
    assert refusal(Camera(99).probe) == refusal(list, Camera(99).pictures()) == expected
