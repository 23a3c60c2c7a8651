import threading

import pytest

from recipes.tracking.inputs import Address
from recipes.tracking.inputs.again import Again
from tests.recipes.tracking.conftest import flat, refusal
from tests.recipes.tracking.inputs.servers import NetworkCamera


class Clock:
    """Is waited for: does something instead, once for each wait."""

    def __init__(self, *actions):
        self.actions, self.pauses = list(actions), []

    def wait(self, seconds):
        self.pauses.append(seconds)
        if self.actions:
            self.actions.pop(0)()


def shots(*levels):
    return [flat(level) for level in levels]


@pytest.fixture
def camera():
    """A network camera that can be looked at once, and then gives two connections."""
    camera = NetworkCamera([shots(20, 20, 20), shots(20, 60, 100), shots(140, 180, 220)])
    camera.switch_on()
    yield camera
    camera.switch_off()


@pytest.fixture
def source(camera):
    """The camera's address, which has been looked at."""
    source = Address(camera.address)
    assert source.live
    return source


def read(again, source):
    """The grey of each frame, how often the source was back, and the error at last."""
    levels, returns = [], []
    pictures = again.pictures(source, lambda: returns.append(len(levels)), threading.Event())
    error = refusal(levels.extend, (picture().float().mean().item() for picture in pictures))
    return levels, returns, error


def test_a_camera_that_breaks_off_is_connected_to_again(source):
    clock = Clock()
    levels, returns, _ = read(Again(3, 0.5, clock.wait), source)
    assert levels == pytest.approx([20, 60, 100, 140, 180, 220], abs=2)
    assert returns == [3]
    assert clock.pauses == [0.5] * 4  # one until it was back, then three in vain


def test_a_server_that_is_off_for_a_while_is_waited_for(camera, source):
    clock = Clock(camera.switch_off, lambda: None, camera.switch_on)
    levels, returns, _ = read(Again(3, 0.5, clock.wait), source)
    assert levels == pytest.approx([20, 60, 100, 140, 180, 220], abs=2)
    assert returns == [3]
    assert clock.pauses == [0.5] * 6


def test_after_the_last_try_it_is_an_error(camera, source):
    clock = Clock(camera.switch_off)
    levels, returns, error = read(Again(2, 0.5, clock.wait), source)
    assert (len(levels), returns) == (3, [])
    assert error == (
        f"cannot go on with {source.name}: it was gone after frame 3 and did not return in 2 "
        f"tries, 0.5 s apart; the last time: cannot read {source.name}: Connection refused. "
        "Check the address, and that the other side is there."
    )


def test_without_tries_the_first_loss_is_an_error(source):
    levels, _, error = read(Again(tries=0), source)
    assert len(levels) == 3
    assert "did not return in 0 tries" in error
