"""Where something moves in a video: `torchpipe run examples --video street.mp4`."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

import torchpipe as tp

CLIP = Path(__file__).parents[1] / "tracking" / "clip.mp4"
CHANGED = 0.1
"""How much a square must change, of black to white, to count as moving."""


class Frames(tp.Cell):
    """Gives the frames of a video, `(height, width)`, uint8, as grey levels."""

    def __init__(self, video: str | Path):
        super().__init__()
        self.video = video

    def forward(self) -> Iterator[Tensor]:
        with av.open(str(self.video)) as container:
            for frame in container.decode(video=0):
                yield torch.from_numpy(frame.to_ndarray(format="gray"))


class Shrink(tp.Cell):
    """Averages squares of a frame; the result is float32, from 0 to 1. Stateless: scale it up."""

    side = tp.Config(8)

    def forward(self, frame: Tensor) -> Tensor:
        return avg_pool2d(frame[None].float() / 255, self.side)[0]


@dataclass(frozen=True)
class Change:
    """What is different from the frame before.

    Attributes:
        share: How much of the frame changed, from 0 to 1.
        row: The middle of what changed, in squares from the top; NaN if nothing did.
        column: The same, from the left.
    """

    share: float
    row: float
    column: float


class Compare(tp.Cell):
    """Compares two frames."""

    def forward(self, now: Tensor, before: Tensor) -> Change:
        changed = (now - before).abs() > CHANGED
        row, column = changed.nonzero().float().mean(0).tolist()
        return Change(changed.float().mean().item(), row, column)


class Motion(tp.Pipeline):
    """Looks for motion in a video.

    Args:
        video: The file.
        clones: How many frames to shrink at the same time.
    """

    def __init__(self, video: Path = CLIP, clones: int = 2):
        super().__init__()
        self.frames = Frames(video)
        self.shrink = tp.ScaleUp(Shrink(), clones)
        self.before = tp.Delay(1)  # remembers one small frame; its own for the first
        self.compare = Compare()
        self.changes = tp.Collect()

    def build(self) -> tp.Output:
        small = self.shrink(self.frames())
        changes: tp.Output = self.changes(self.compare(small, self.before(small)))
        return changes

    def summary(self) -> dict[str, str]:
        """Where most has moved."""
        most = max(self.changes.items, key=lambda change: change.share)
        number = self.changes.items.index(most)
        return {"most motion": f"frame {number}, {most.share:.1%} of it"}
