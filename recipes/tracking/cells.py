"""The pieces of this recipe as cells: each wraps one class that also works without a pipeline."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

import torchpipe as tp

from .appearance import Colours, Describer, Embedding
from .boxes import Detections, Tracks
from .detector import PersonDetector
from .draw import USUAL, draw
from .trails import TrailMemory, Trails
from .weights import load_ssdlite
from .zones.counter import Counts


class Detect(tp.Cell):
    """Finds people in one frame. Stateless: scale it up.

    Args:
        levels: How many sizes of tiles to look at: see `PersonDetector`.
        weights: A frozen TensorFlow graph of SSDLite. Default: the one that pip installed.
    """

    min_score = tp.Parameter(0.2, ge=0.0, le=1.0, doc="leave out what the detector is less sure of")

    def __init__(self, levels: int = 1, weights: str | Path | None = None):
        super().__init__()
        self.levels, self.weights = levels, weights

    def setup(self, clone: tp.Clone) -> None:
        net = load_ssdlite(self.weights).to(clone.device)
        self._detector = PersonDetector(net, self.levels)

    def forward(self, frame: Tensor) -> Detections:
        return self._detector(frame, self.min_score)


class Describe(tp.Cell):
    """Says what each detection looks like, for a tracker with a `ReId`. Stateless: scale it up.

    Args:
        net: Takes `(N, 3, 128, 64)` float32, RGB from 0 to 1, and returns `(N, any)`: see
            `Embedding`. Default: the colours of clothes, which need no weights: see `Colours`.
    """

    def __init__(self, net: nn.Module | None = None):
        super().__init__()
        self.net = net

    def setup(self, clone: tp.Clone) -> None:
        self._describe: Describer = Colours()
        if self.net is not None:
            self._describe = Embedding(self.net.to(clone.device))

    def forward(self, frame: Tensor, found: Detections) -> Tensor:
        return self._describe(frame, found.boxes)


class RememberTrails(tp.Cell):
    """Remembers where everyone has walked: see `TrailMemory`."""

    stateful = True

    def __init__(self, length: int = 30):
        super().__init__()
        self.length = length

    def reset(self) -> None:
        self._memory = TrailMemory(self.length)

    def forward(self, tracks: Tracks) -> Trails:
        return self._memory.update(tracks)

    def state_dict(self) -> dict[str, Any]:
        return self._memory.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._memory.load_state_dict(state)


class Draw(tp.Cell):
    """Draws what is known into a copy of the frame.

    Args:
        parts: What to draw: some of `PARTS`.
        names: What each class is called; others are shown by their number.
    """

    def __init__(self, parts: Collection[str] = USUAL, names: Sequence[str] = ()):
        super().__init__()
        self.parts, self.names = parts, names

    def forward(self, frame: Tensor, tracks: Tracks, trails: Trails, counts: Counts = ()) -> Tensor:
        return draw(frame, tracks, trails, counts, self.parts, self.names)
