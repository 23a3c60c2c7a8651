"""A pipeline that gives back what it gets, of every kind that clients send."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

from torch import Tensor

import torchpipe as tp
from torchpipe.serve import Array


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Person:
    name: str
    place: Annotated[Tensor, Array("int64", (2,))] | None = None


Scores = Annotated[Tensor, Array("float32", (None,))]
Image = Annotated[Tensor, Array("uint8", (None, None, 3))]


class Kinds(NamedTuple):
    count: int
    share: float
    text: str
    person: Person
    scores: Scores
    image: Image
    free: Tensor
    colour: Colour
    size: Literal["small", "large"]
    note: str | None
    raw: bytes


def same(count: int) -> int:
    return count


class Same(tp.Pipeline):
    """One of the inputs goes through a cell; the others skip it."""

    def __init__(self) -> None:
        super().__init__()
        self.same = tp.cell(same)

    def build(
        self,
        count: int,
        share: float,
        text: str,
        person: Person,
        scores: Scores,
        image: Image,
        free: Tensor,
        colour: Colour = Colour.RED,
        size: Literal["small", "large"] = "small",
        note: str | None = None,
        raw: bytes = b"",
    ) -> Kinds:
        return Kinds(
            self.same(count), share, text, person, scores, image, free, colour, size, note, raw
        )
