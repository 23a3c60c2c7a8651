"""`Letter` and `Answer`: what goes over the socket to a clone on this node, and what comes back.

Beside them there is a segment of orders: one byte tells the clone to begin with nothing more, and
the clone tells there what it has begun with.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from torchpipe.engine.remote.segments import Place

CALLED_BACK = 8
"""The byte in the segment of orders that says: begin with no further call."""

BEGUN = slice(16, 32)
"""Where the process says in that segment what it has begun last, as two numbers: see `PROGRESS`."""

PROGRESS = struct.Struct("=QQ")
"""How often it has begun with an item or a batch, and of how many items the last one was."""


class Letter(NamedTuple):
    """A call.

    Attributes:
        call: Its number.
        data: The pickled work.
        contents: Of its arrays: each a place in a segment, or bytes.
        room: Where the contents of the answer may be put.
        gone: The keys of segments that will not be used again.
        holding: Whether results may be held, as clones elsewhere need them.
    """

    call: int
    data: bytes
    contents: list[Any]
    room: Place | None
    gone: list[int]
    holding: bool


class Contents(NamedTuple):
    """Of the arrays of an answer.

    Attributes:
        sizes: In bytes.
        starts: Where they lie in the room for them; or None.
        inside: The bytes themselves, if there is no room, or they are few. Without both, they wait
            there, to be fetched into a larger room.
    """

    sizes: list[int]
    starts: list[int] | None = None
    inside: list[Any] | None = None

    @property
    def wait(self) -> bool:
        """Whether they are still there."""
        return self.starts is None and self.inside is None


class Answer(NamedTuple):
    """What came of a call.

    Attributes:
        data: The pickled report; none if the call was called back.
        contents: Of its arrays.
        returned: The calls of whose arguments nothing is kept any more.
    """

    data: bytes
    contents: Contents
    returned: list[int]
