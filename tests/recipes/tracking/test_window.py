import sys
from functools import partial
from pathlib import Path

import cv2
import pytest

from recipes.tracking import Tracking
from recipes.tracking.outputs.window import Window, check_screen
from recipes.tracking.video import probe
from tests.recipes.tracking.conftest import flat, refusal

LEAVE_OUT = "Leave out --show; --output has the same picture."
OWN = "tests.recipes.tracking.test_options:by_area"


class Screen:
    """What a window asks of OpenCV; at the n-th frame somebody presses a key or closes it."""

    def __init__(self, gui="QT5", key=-1, at=0, closes=False):
        self.gui, self.key, self.at, self.closes = gui, key, at, closes
        self.open, self.shown = [], []

    def getBuildInformation(self):  # noqa: N802
        return f"  Platform:\n    Host: Linux\n  GUI:    {self.gui}\n    GTK+:  NO\n"

    def namedWindow(self, name, flags):  # noqa: N802
        self.open.append(name)

    def resizeWindow(self, name, width, height):  # noqa: N802
        self.size = width, height

    def imshow(self, name, image):
        self.shown.append(image)
        if self.closes and len(self.shown) == self.at:
            self.open.remove(name)

    def waitKey(self, milliseconds):  # noqa: N802
        return self.key if len(self.shown) == self.at else -1

    def getWindowProperty(self, name, which):  # noqa: N802
        return float(name in self.open)

    def destroyWindow(self, name):  # noqa: N802
        self.open.remove(name)


@pytest.fixture(autouse=True)
def display(monkeypatch):
    """There is a screen, as far as the environment says."""
    monkeypatch.setenv("DISPLAY", ":0")


def test_a_window_shows_frames_in_its_colours():
    screen = Screen()
    window = Window("hall", lambda: None, screen)
    frame = flat(0)
    frame[:, :, 0] = 200
    window.write(frame)
    assert (screen.open, screen.size) == (["hall"], (64, 48))
    assert screen.shown[0][0, 0].tolist() == [0, 0, 200]
    window.close()
    window.discard()
    assert screen.open == []


@pytest.mark.parametrize("how", [{"key": ord("q")}, {"key": 27}, {"closes": True}])
def test_whoever_leaves_a_window_is_heard_once(how):
    heard, screen = [], Screen(at=2, **how)
    window = Window("hall", partial(heard.append, "left"), screen)
    for _ in range(4):
        window.write(flat(9))
    window.close()
    assert (len(screen.shown), screen.open, heard) == (2, [], ["left"])


def test_other_keys_are_for_nobody():
    screen = Screen(at=1, key=ord("x"))
    window = Window("hall", pytest.fail, screen)
    window.write(flat(9))
    assert not window.closed


@pytest.mark.parametrize("several", [False, True])
def test_a_run_whose_window_is_closed_ends_well(film, people, tmp_path, monkeypatch, several):
    monkeypatch.chdir(tmp_path)
    videos = [str(film(f"{name}.mp4", people)) for name in "ab"[: 1 + several]]
    screen = Screen(at=3, key=ord("q"))
    monkeypatch.setattr("recipes.tracking.outputs.sinks.check_screen", lambda: None)
    monkeypatch.setattr("recipes.tracking.outputs.sinks.Window", partial(Window, screen=screen))
    pipeline = Tracking(videos, show=True, detector=OWN, overwrite=True)
    for _ in range(2):
        screen.shown.clear()
        with pipeline.run(window=4) as running:
            count = len(list(running))
        assert 3 <= count < len(people)
        assert screen.open == []
        files = [str(path) for path in Path.cwd().glob("tracking*.mp4")]
        assert sum(probe(path).frames for path in files) == count


def test_opencv_without_windows_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # here may lie what the recipe has written before
    expected = (
        "cannot show a window: opencv-python-headless has none. Install opencv-python in its place "
        f"(pip uninstall opencv-python-headless; pip install opencv-python). {LEAVE_OUT}"
    )
    assert refusal(check_screen, Screen(gui="NONE")) == expected
    if "GUI:                           NONE" in cv2.getBuildInformation():
        assert refusal(partial(Tracking, show=True)) == expected


@pytest.mark.skipif(sys.platform != "linux", reason="others have a screen of their own")
def test_without_a_screen_a_window_is_refused(monkeypatch):
    monkeypatch.delenv("DISPLAY")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert refusal(check_screen, Screen()) == (
        f"cannot show a window: there is no screen (DISPLAY is not set). {LEAVE_OUT}"
    )
