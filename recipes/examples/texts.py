"""Which text is about a question: `torchpipe run examples texts --question "breast cancer"`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import torch
from torch import Tensor, nn

import torchpipe as tp

from .shipped import shipped

WORDS, SIZE, LENGTH = 2**14, 256, 128


class Words(tp.Cell):
    """Turns a text into the numbers of its words, `(128,)`, int64; 0 where there are no more."""

    def forward(self, text: str) -> Tensor:
        words = re.findall(r"[a-z]{4,}", text.lower())[:LENGTH]
        numbers = [1 + crc32(word[:6].encode()) % (WORDS - 1) for word in words]  # a crude stem
        return torch.tensor(numbers + [0] * (LENGTH - len(numbers)))


def network() -> nn.Module:
    """Gives each word a direction of its own and adds them up: `(n, 128)` to `(n, 256)`.

    It needs no training and no download (random indexing: Kanerva and others, 2000; with hashed
    words: Weinberger and others, 2009). An encoder that was trained takes its place.
    """
    directions = torch.randn(WORDS, SIZE, generator=torch.Generator().manual_seed(0))
    return nn.EmbeddingBag.from_pretrained(directions, mode="sum", padding_idx=0)


class Embed(tp.Pipeline):
    """A text as a vector, `(256,)`: texts that share words point in similar directions.

    Args:
        clones: How many work at the same time, each on up to 16 texts that wait.
    """

    def __init__(self, clones: int = 1):
        super().__init__()
        self.words = Words()
        embed = tp.ModuleCell(network(), batch=tp.Batching(max_size=16))
        self.embed = tp.ScaleUp(embed, clones)

    def build(self, text: str) -> tp.Output:
        vector: tp.Output = self.embed(self.words(text))
        return vector


class Paragraph(NamedTuple):
    """A part of a file."""

    file: str
    text: str


class Paragraphs(tp.Cell):
    """Takes a file apart where lines are empty."""

    def forward(self, file: Path) -> Iterator[Paragraph]:
        for text in file.read_text(encoding="utf-8").split("\n\n"):
            if len(text.split()) > 10:
                yield Paragraph(file.stem, " ".join(text.split()))


class Search(tp.Pipeline):
    """Finds the paragraph that is closest to a question.

    Args:
        question: What to look for.
        folder: Where `*.rst` files are; default: what scikit-learn says of its data sets.
        clones: How many embed texts at the same time.
    """

    def __init__(
        self, question: str = "cells in breast cancer", folder: Path | None = None, clones: int = 2
    ):
        super().__init__()
        usual = "sklearn/datasets/descr"
        self.files = tp.FolderSource(folder or shipped("scikit-learn", usual), "*.rst")
        self.paragraphs = Paragraphs()
        self.embed = Embed(clones)
        self.closeness = nn.CosineSimilarity(dim=0)
        self.asked = network()(Words()(question)[None])[0]
        self.found = tp.Collect()

    def build(self) -> tp.Output:
        paragraph = self.paragraphs(self.files())
        compare = tp.cell(lambda vector: self.closeness(vector, self.asked).item())
        pack = tp.cell(lambda closeness, file, text: (closeness, file, text))
        close = compare(self.embed(paragraph.text))
        found: tp.Output = self.found(pack(close, paragraph.file, paragraph.text))
        return found

    def summary(self) -> dict[str, str]:
        """The closest."""
        _, file, text = max(self.found.items)
        return {file: text}
