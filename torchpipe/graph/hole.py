"""`HOLE`: what stands in the stream where an item was."""

from __future__ import annotations

from typing import ClassVar


class Hole:
    """The value of an item that was filtered or skipped: no cell ever receives it."""

    _only: ClassVar[Hole | None] = None

    def __new__(cls) -> Hole:
        """The only one."""
        cls._only = cls._only or super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "HOLE"

    def __reduce__(self) -> tuple[type[Hole], tuple[()]]:
        return Hole, ()


HOLE = Hole()
