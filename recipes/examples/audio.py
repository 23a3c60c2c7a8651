"""The tempo of a piece of music: `torchpipe run examples audio --file song.wav`."""

import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import torchpipe as tp

from .shipped import shipped

HOP, WIDTH = 128, 512
"""Samples from one piece of sound to the next, and how long each is."""

SLOWEST, FASTEST = 70, 180
"""Beats in a minute."""


class Pieces(tp.Cell):
    """Gives overlapping pieces of a WAV file, `(512,)`, float32, -1 to 1; of its first channel."""

    def __init__(self, file: str | Path):
        super().__init__()
        self.file = file

    def forward(self) -> Iterator[Tensor]:
        sound = torch.zeros(WIDTH - HOP)
        with wave.open(str(self.file)) as file:
            width, channels = file.getsampwidth(), file.getnchannels()
            while len(data := file.readframes(HOP)) == HOP * width * channels:
                sound = torch.cat([sound, samples(data, width, channels)])
                yield sound
                sound = sound[HOP:]


def samples(data: bytes, width: int, channels: int) -> Tensor:
    """The numbers of the first channel: a byte each has no sign, two have."""
    numbers = np.frombuffer(data, np.uint8 if width == 1 else np.int16)[::channels]
    whole = numbers.astype(np.float32) - (128 if width == 1 else 0)
    return torch.from_numpy(whole / (1 << 8 * width - 1))


class Spectrum(tp.Cell):
    """How loud each pitch is, `(257,)`, on a logarithmic scale. Stateless: scale it up."""

    def setup(self, clone: tp.Clone) -> None:
        self.window = torch.hann_window(WIDTH)

    def forward(self, piece: Tensor) -> Tensor:
        loudness: Tensor = torch.fft.rfft(piece * self.window).abs().log1p()
        return loudness


class Tempo(tp.Pipeline):
    """Finds how many beats a minute has.

    A beat is where many pitches get louder at once, and the tempo the time after which the curve of
    that is most like itself (Scheirer, "Tempo and beat analysis of acoustic musical signals", 1998,
    in its idea).

    Args:
        file: A WAV file; default: a loop that comes with pygame-ce.
        clones: How many pieces to look at at the same time.
    """

    def __init__(self, file: Path | None = None, clones: int = 2):
        super().__init__()
        self.file = file or shipped("pygame-ce", "pygame/examples/data/house_lo.wav")
        self.pieces = Pieces(self.file)
        self.spectrum = tp.ScaleUp(Spectrum(), clones)
        self.before = tp.Delay(1)
        self.louder = tp.cell(lambda now, before: (now - before).clamp(min=0).sum().item())
        self.curve = tp.Collect()

    def build(self) -> tp.Output:
        now = self.spectrum(self.pieces())
        curve: tp.Output = self.curve(self.louder(now, self.before(now)))
        return curve

    def tempo(self) -> float:
        """Beats in a minute, once the file has been read."""
        with wave.open(str(self.file)) as file:
            per_minute = 60 * file.getframerate() / HOP
        curve = torch.tensor(self.curve.items)
        curve = curve - curve.mean()
        lags = range(int(per_minute / FASTEST), int(per_minute / SLOWEST) + 1)
        alike = [(curve[lag:] * curve[: len(curve) - lag]).mean().item() for lag in lags]
        return float(per_minute / lags[int(np.argmax(alike))])

    def summary(self) -> dict[str, str]:
        """The tempo."""
        return {"tempo": f"{self.tempo():.0f} beats in a minute"}
