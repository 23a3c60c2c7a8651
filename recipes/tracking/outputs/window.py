"""A window that shows frames as they come."""

import os
import sys
from collections.abc import Callable
from typing import Any

import cv2
from torch import Tensor

from torchpipe.errors import UsageError

_QUIT = (ord("q"), ord("Q"), 27)  # Escape
_ADVICE = "Leave out --show; --output has the same picture."


class Window:
    """Shows frames in a window, until `q` is pressed in it or it is closed.

    Args:
        name: Its title.
        on_close: Called once when somebody closes it.
        screen: OpenCV, or what does the same.

    Attributes:
        closed: Whether somebody has closed it; then frames are not shown any more.

    Raises:
        UsageError: There is no screen: see `check_screen`.
    """

    def __init__(self, name: str, on_close: Callable[[], object], screen: Any = cv2):
        check_screen(screen)
        self.name, self.closed = name, False
        self._on_close, self._screen, self._shown = on_close, screen, False

    def write(self, frame: Tensor) -> None:
        """Shows one frame: RGB of shape `(height, width, 3)`, uint8."""
        if self.closed:
            return
        if not self._shown:
            self._screen.namedWindow(self.name, cv2.WINDOW_NORMAL | cv2.WINDOW_KEEPRATIO)
            self._screen.resizeWindow(self.name, frame.shape[1], frame.shape[0])
        self._shown = True
        self._screen.imshow(self.name, cv2.cvtColor(frame.numpy(force=True), cv2.COLOR_RGB2BGR))
        if self._left():
            self.closed = True
            self.discard()
            self._on_close()

    def _left(self) -> bool:
        pressed = self._screen.waitKey(1) & 0xFF in _QUIT
        return pressed or self._screen.getWindowProperty(self.name, cv2.WND_PROP_VISIBLE) < 1

    def close(self) -> None:
        """Takes the window away."""
        self.discard()

    def discard(self) -> None:
        """Takes the window away; harmless if called again."""
        if self._shown:
            self._shown = False
            if self._screen.getWindowProperty(self.name, cv2.WND_PROP_VISIBLE) >= 1:
                self._screen.destroyWindow(self.name)


def check_screen(screen: Any = cv2) -> None:
    """Makes sure that a window can be shown.

    Raises:
        UsageError: OpenCV has no windows, or there is no screen.
    """
    if _gui(screen.getBuildInformation()) == "NONE":
        raise UsageError(
            "cannot show a window: opencv-python-headless has none. Install opencv-python in its "
            f"place (pip uninstall opencv-python-headless; pip install opencv-python). {_ADVICE}"
        )
    if sys.platform == "linux" and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
        raise UsageError(
            f"cannot show a window: there is no screen (DISPLAY is not set). {_ADVICE}"
        )


def _gui(build: str) -> str:
    """Which windows OpenCV was built with, as its report says."""
    lines = (line.partition(":") for line in build.splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() == "GUI"), "")
