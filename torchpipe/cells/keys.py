"""Keys: what stands for one, and how it becomes known that one is gone."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable
from typing import Any
from weakref import ref

Letters = deque[Hashable]


class Boxes:
    """The letter boxes of all that run of one definition: which keys are gone."""

    def __init__(self) -> None:
        self._boxes: list[ref[Letters]] = []

    def new(self) -> Letters:
        """A box for as long as somebody has it."""
        box = Letters()
        self._boxes.append(ref(box, self._boxes.remove))
        return box

    def post(self, letter: Hashable) -> None:
        """Put a letter into all boxes."""
        for box in [found() for found in list(self._boxes)]:
            if box is not None:
                box.append(letter)

    def __deepcopy__(self, memo: dict[int, Any]) -> Boxes:
        """Clones in this process have theirs here too."""
        return self

    def __reduce__(self) -> tuple[type[Boxes], tuple[()]]:
        return Boxes, ()


def handle(key: Hashable, gone: Callable[[Any], object] | None = None) -> Hashable:
    """What stands for a key: the key, or a weak reference if it equals nothing but itself."""
    kind = type(key)
    alone = kind.__eq__ is object.__eq__ and kind.__weakrefoffset__
    return ref(key, gone) if alone else key


def places_by_key(items: list[tuple[Any, ...]]) -> Iterable[tuple[Hashable, list[int]]]:
    """The keys of items, which come first in them, and where each of them is."""
    found: dict[Hashable, list[int]] = {}
    for place, (key, *_) in enumerate(items):
        found.setdefault(key, []).append(place)
    return found.items()
