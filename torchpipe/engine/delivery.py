"""How the result of an item, or its error, comes to whoever waits for it."""

from __future__ import annotations

from concurrent.futures import InvalidStateError
from contextlib import suppress
from typing import Any

from torchpipe.engine.reply import Reply
from torchpipe.engine.session import Request
from torchpipe.errors import ItemDropped
from torchpipe.graph.hole import HOLE


def deliver(future: Any, out: Any, error: BaseException | None) -> None:
    """Give a future its result or error, unless it was cancelled."""
    if type(future) is Reply:
        future.leave(out, error)
        return
    with suppress(InvalidStateError):
        if error is not None:
            future.set_exception(error)
        elif out is HOLE:
            future.set_exception(
                ItemDropped("the item has no result: a cell filtered it, or failed and skipped it.")
            )
        else:
            future.set_result(out)


def deliver_end(request: Request) -> None:
    """Say that a session has ended, or what went wrong with its end."""
    deliver(request, None, request.errors[0] if request.errors else None)
