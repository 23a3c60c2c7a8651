"""Real videos, made anew for each test, and the real weights."""

from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor

from recipes.tracking import video
from recipes.tracking.pipeline import CLIP
from recipes.tracking.ssdlite import SSDLite
from recipes.tracking.video import VideoWriter, read_frames
from recipes.tracking.weights import find_weights, load_ssdlite
from torchpipe.errors import UsageError

RATE = Fraction(7)


@pytest.fixture(scope="session")
def net() -> SSDLite:
    """The person detector with its real weights."""
    try:
        find_weights()
    except UsageError as error:
        pytest.skip(str(error))
    return load_ssdlite()


@pytest.fixture(scope="session")
def people() -> list[Tensor]:
    """The first frames of the clip that the recipe ships."""
    return list(islice(read_frames(CLIP), 12))


@pytest.fixture
def repeatable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has the same frames make the same file.

    With AVX-512, x264's macroblock tree need not: of 1,800 files on a busy machine, 22 differed.
    """
    monkeypatch.setitem(video._ENCODER, "x264-params", "mbtree=0")


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """Writes a video file with the given frames, by default noise, and returns its path."""

    def write(name: str = "film.mp4", frames: list[Tensor] | None = None) -> Path:
        writer = VideoWriter(tmp_path / name, RATE)
        for frame in noise(20) if frames is None else frames:
            writer.write(frame)
        writer.close()
        return tmp_path / name

    return write


def noise(count: int, height: int = 48, width: int = 64) -> list[Tensor]:
    """Frames that do not compress."""
    random = torch.Generator().manual_seed(0)
    shape = (height, width, 3)
    return [torch.randint(256, shape, dtype=torch.uint8, generator=random) for _ in range(count)]


def flat(level: int, height: int = 48, width: int = 64) -> Tensor:
    """A frame of one grey."""
    return torch.full((height, width, 3), level, dtype=torch.uint8)


def refusal(action: Callable[..., object], *arguments: object) -> str:
    """What the user is told when an action can't be done."""
    with pytest.raises(UsageError) as caught:
        action(*arguments)
    return str(caught.value)
