"""A pipeline with inputs of many types, to be served by a process of its own."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from torch import Tensor

import torchpipe as tp
from torchpipe.serve import Array


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Box(NamedTuple):
    left: float
    top: float = 0.0


@dataclass
class Person:
    name: str
    boxes: list[Box]
    image: Annotated[Tensor, Array("uint8", (2, 2))] | None = None


def everything(
    flag: bool,
    count: int,
    share: float,
    person: Person,
    scores: Annotated[np.ndarray, Array("float32", (2, 3))],
    colour: Colour = Colour.RED,
    size: Literal["small", "large"] = "small",
    note: str | None = None,
) -> str:
    return f"{person.name} {scores.shape} {colour.name} {size} {note}"


class Everything(tp.Pipeline):
    """One cell, scaled up, that takes all of them."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = tp.ScaleUp(tp.cell(everything), 2)

    def build(
        self,
        flag: bool,
        count: int,
        share: float,
        person: Person,
        scores: Annotated[np.ndarray, Array("float32", (2, 3))],
        colour: Colour = Colour.RED,
        size: Literal["small", "large"] = "small",
        note: str | None = None,
    ):
        return self.told(self.cell(flag, count, share, person, scores, colour, size, note))

    def told(self, text: Any) -> Any:
        """What comes after."""
        return text


def words(text: str) -> Iterator[str]:
    yield from text.split(" ")


class Words(Everything):
    """The same, which gives several results."""

    def __init__(self) -> None:
        super().__init__()
        self.cell, self.words = tp.cell(everything), tp.ScaleUp(tp.cell(words), 2)

    def told(self, text: Any) -> Any:
        return self.words(text)
