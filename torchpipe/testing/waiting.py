"""Waits that fail loudly: with a timeout, and with the stacks of all threads."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable

TIMEOUT = 10.0
"""Seconds that a wait takes before it fails, unless told otherwise."""


class WaitTimeout(AssertionError):
    """What was waited for did not happen; the text ends with the stacks of all threads."""


def stacks() -> str:
    """The stacks of all threads, as text."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    parts = [
        f"thread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()
    ]
    return "\n".join(parts)


def wait_for(
    changed: threading.Condition,
    predicate: Callable[[], bool],
    what: Callable[[], str],
    timeout: float = TIMEOUT,
) -> None:
    """Wait until the predicate holds; it is asked again after each `changed.notify_all()`.

    Args:
        changed: The condition that guards what the predicate reads.
        predicate: Called with the condition held.
        what: Says what was waited for, in the moment of failure.
        timeout: In seconds.

    Raises:
        WaitTimeout: It did not hold in time.

    >>> wait_for(threading.Condition(), lambda: True, lambda: "truth")
    """
    with changed:
        if not changed.wait_for(predicate, timeout):
            raise WaitTimeout(f"waited {timeout} s in vain for {what()}.\n\n{stacks()}")
