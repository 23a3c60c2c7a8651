"""`OneGenerator`: what gives the results of an epoch; all iterators over a run are this one."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from typing import Any


class OneGenerator:
    """The generator of results that a run has at a time: its consumers hold it, the run does not.

    So a loop that was left goes on where it stopped; and where nobody holds the generator any more,
    another one takes its place.
    """

    def __init__(self) -> None:
        self._results: Callable[[Any], Iterator[Any]] | None = None
        self._consumer: Callable[[], Any] = lambda: None

    def consumer(self) -> Any:
        """The generator that is in use, or None."""
        return self._consumer()

    def _generator(self, owner: Any) -> Iterator[Any]:
        """What gives the results of this epoch from here on; it keeps `owner` alive."""
        assert self._results is not None
        made = self._results(owner)
        self._consumer = weakref.ref(made)
        return made

    def close(self) -> bool:
        """End the generator of results where it is; False if another thread is in it.

        That is asked first: to close a generator looks into its frame before it is refused, and
        CPython 3.11 does so while another thread may be changing that.
        """
        consumer = self.consumer()
        if consumer is None:
            return True
        if consumer.gi_running:
            return False
        try:
            consumer.close()
        except ValueError:  # it was entered just now
            return False
        return True
