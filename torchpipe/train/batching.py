"""From numbered samples to batches, each with what a feed must know of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from torchpipe.engine.notes import note
from torchpipe.errors import RunError

Samples = Iterator[tuple[int, Any]]
Group = tuple[list[tuple[int, Any]], bool]


@dataclass(slots=True)
class Made:
    """A batch, ready to be given.

    Attributes:
        number: The number of the last sample in it.
        more: Whether this rank has another one in this epoch.
    """

    value: Any
    number: int
    more: bool

    def taken(self) -> Any:
        """The batch, once: nobody holds it here while a step computes on it."""
        value, self.value = self.value, None
        return value


def batches(
    groups: Iterator[Group], make: Callable[[list[Any]], Any], first: int = 0
) -> Iterator[Made]:
    """Make a batch of each group of samples; `first` is the number of the first batch."""
    for batch, (group, more) in enumerate(groups, first):
        start, number, values = group[0][0], group[-1][0], [value for _, value in group]
        group.clear()  # whoever made the list holds it until the next one
        try:
            made = Made(make(values), number, more)
        except Exception as error:
            note(error, f"in the collate of batch {batch}, samples {start} to {number}")
            raise
        del values
        yield made


def counted(samples: Samples, size: int, count: int) -> Iterator[Group]:
    """Groups of so many samples in all, the last one maybe smaller; then reads on to the end.

    Raises:
        RunError: There are fewer samples than that.
    """
    for left in range(count, 0, -size):
        group = list(islice(samples, min(size, left)))
        if len(group) < min(size, left):
            raise RunError(
                f"cannot make the next batch: {count} samples were to come, as the source had "
                f"said, and it ended after {count - left + len(group)}. Mend its `__len__`."
            )
        yield group, left > size
    for _ in samples:
        pass


def looked_ahead(samples: Samples, size: int, drop_last: bool) -> Iterator[Group]:
    """Groups of samples up to the end; no more is read ahead than tells whether another follows."""
    peeked = size if drop_last else 1
    group = list(islice(samples, size))
    while len(group) >= peeked:
        following = list(islice(samples, peeked))
        yield group, len(following) == peeked
        group = following + list(islice(samples, size - len(following)))
