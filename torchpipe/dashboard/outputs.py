"""`Outputs`: the next output of a cell, for all who ask for it meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from torchpipe.dashboard.picture import encoded
from torchpipe.dashboard.seen import Seen, seen
from torchpipe.engine.run import Run
from torchpipe.graph.flat import FlatGraph

PATIENCE = 5.0
"""Seconds to wait for an output; then whoever still wants one asks again."""


class Outputs:
    """Looks at outputs while somebody asks; one look is for all who ask at the same time.

    Everything here happens in the thread of the event loop, but for the look itself.
    """

    def __init__(self, run: Run):
        self.run = run
        self._names = {node.path: node.outputs for node in FlatGraph(run.pipeline).nodes}
        self._asked: dict[str, asyncio.Task[list[Seen] | None]] = {}
        self._looks: set[asyncio.Future[list[Seen]]] = set()

    async def next(self, path: str) -> list[Seen] | None:
        """The next output of a cell, one description for each port; None if there is none soon.

        Raises:
            RunError: There is no such cell.
            Stopped: The run has ended.
        """
        if path not in self._asked:
            task = self._asked[path] = asyncio.create_task(self._next(path))
            task.add_done_callback(lambda _: self._asked.pop(path, None))
        return await asyncio.shield(self._asked[path])

    async def _next(self, path: str) -> list[Seen] | None:
        names = self._names.get(path, ())
        look = asyncio.wrap_future(self.run.tap(path, lambda output: ports(names, output)))
        self._looks.add(look)
        await asyncio.wait([look], timeout=PATIENCE)
        self._looks.discard(look)
        if look.cancel() or look.cancelled():
            return None
        return await asyncio.to_thread(drawn, look.result())

    def close(self) -> None:
        """Look no more."""
        for look in self._looks:
            look.cancel()


def ports(names: Sequence[str], output: Any) -> list[Seen]:
    """What is seen of each port."""
    values = output if len(names) > 1 else (output,)
    return [{"name": name, **seen(value)} for name, value in zip(names, values, strict=True)]


def drawn(found: Any) -> Any:
    """The same, with pictures as a browser takes them."""
    if isinstance(found, list):
        return [drawn(one) for one in found]
    if not isinstance(found, dict):
        return found
    return {
        name: encoded(value) if name == "picture" and value is not None else drawn(value)
        for name, value in found.items()
    }
