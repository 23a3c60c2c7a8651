"""Where results go, as cells: each writes, with one class that also works without a pipeline."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

from torch import Tensor

from ..boxes import Tracks
from ..mot import MotWriter
from ..video import VideoWriter
from .frames import FrameWriter
from .heat import HeatWriter
from .sink import Sink, Writer
from .tables import CsvWriter, JsonWriter
from .window import Window, check_screen


class WriteVideo(Sink):
    """Writes frames, `(height, width, 3)` RGB uint8, into an MP4 file: see `Sink`, `VideoWriter`.

    Args:
        target: The file.
        rate: Frames per second.
        overwrite: Whether it may replace a file that exists.
    """

    def __init__(self, target: str | Path, rate: Fraction, overwrite: bool = False):
        super().__init__(target, overwrite)
        self.rate = rate

    def open(self) -> Writer:
        return VideoWriter(self.target, self.rate, self.overwrite)

    def forward(self, frame: Tensor) -> None:
        self.write(frame)


class WriteMot(Sink):
    """Writes tracks into a MOTChallenge text file: see `Sink`, `MotWriter`."""

    def open(self) -> Writer:
        return MotWriter(self.target, self.overwrite)

    def forward(self, tracks: Tracks) -> None:
        self.write(tracks)


class WriteCsv(Sink):
    """Writes tracks into a CSV file: see `Sink`, `CsvWriter`."""

    def open(self) -> Writer:
        return CsvWriter(self.target, self.overwrite)

    def forward(self, tracks: Tracks) -> None:
        self.write(tracks)


class WriteJson(Sink):
    """Writes tracks into a file of JSON lines: see `Sink`, `JsonWriter`."""

    def open(self) -> Writer:
        return JsonWriter(self.target, self.overwrite)

    def forward(self, tracks: Tracks) -> None:
        self.write(tracks)


class WriteFrames(Sink):
    """Writes frames, `(height, width, 3)` RGB uint8, into a folder: see `Sink`, `FrameWriter`."""

    def open(self) -> Writer:
        return FrameWriter(self.target, self.overwrite)

    def forward(self, frame: Tensor, tracks: Tracks) -> None:
        self.write(frame, tracks)


class WriteHeat(Sink):
    """Writes a map of where people walked, over the last frame: see `Sink`, `HeatWriter`.

    Frames are `(height, width, 3)` RGB uint8. What was counted is saved with a run.
    """

    _writer: HeatWriter | None

    def open(self) -> Writer:
        return HeatWriter(self.target, self.overwrite)

    def forward(self, frame: Tensor, tracks: Tracks) -> None:
        self.write(frame, tracks)

    def state_dict(self) -> dict[str, Any]:
        return self._writer.state_dict() if self._writer else {}  # none after the end

    def load_state_dict(self, state: dict[str, Any]) -> None:
        if self._writer:
            self._writer.load_state_dict(state)


class Show(Sink):
    """Shows frames, `(height, width, 3)` RGB uint8, in a window: see `Window`.

    Args:
        target: The title of the window.
        on_close: Called once when somebody closes it.

    Raises:
        UsageError: There is no screen.
    """

    def __init__(self, target: str = "tracking", on_close: Callable[[], object] | None = None):
        check_screen()
        super().__init__(target)
        self.on_close = on_close or (lambda: None)

    def open(self) -> Writer:
        return Window(str(self.target), self.on_close)

    def forward(self, frame: Tensor) -> None:
        self.write(frame)
