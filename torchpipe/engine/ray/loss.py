"""Loss, as Ray tells it or does not, in words of our own. And Ray itself, if it is installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from time import monotonic
from typing import Any

from torchpipe.engine.remote.failure import Lost, ValueLost


def loaded(name: str) -> Any:
    """A module of Ray; None if the extra is not installed."""
    try:
        return import_module(name)
    except ImportError:
        return None


# Untyped, so that types are checked alike with and without ray.
ray, cloudpickle, failures = map(loaded, ("ray", "ray.cloudpickle", "ray.exceptions"))

GONE = (
    "RayActorError",
    "NodeDiedError",
    "WorkerCrashedError",
    "TaskCancelledError",
    "OutOfMemoryError",
)
"""What Ray raises if a process is gone."""

LOOK = 1.0
"""Seconds without an answer after which to look whether what it needs is still anywhere."""


@contextmanager
def told_as_lost() -> Iterator[None]:
    """Raise `Lost` for whatever means that the process, or what it returned, is gone."""
    lost = tuple(getattr(failures, name) for name in GONE)
    try:
        yield
    except failures.GetTimeoutError as error:
        raise Lost("it did not return before its deadline") from error
    except lost as error:
        raise Lost(first_line(error)) from error
    except failures.ObjectLostError as error:
        raise ValueLost(first_line(error)) from error
    except failures.RayTaskError as error:
        if isinstance(error.cause, failures.ObjectLostError):
            raise ValueLost(first_line(error.cause)) from error
        raise error.cause from None


def got(wanted: Any, needed: Iterable[Any] = (), timeout: float | None = None) -> Any:
    """What Ray knows by a name, once it is there.

    Ray says that something was lost with its node, but not always: if the node is lost at the wrong
    moment, it waits for ever. So it is asked where things are.

    Args:
        wanted: The name.
        needed: The names of what that is made of.
        timeout: Seconds to wait.

    Raises:
        ValueLost: It is nowhere, or something that it needs is not.
        GetTimeoutError: It was too slow.
    """
    end = None if timeout is None else monotonic() + timeout
    while True:
        left = LOOK if end is None else min(LOOK, end - monotonic())
        try:
            return ray.get(wanted, timeout=max(left, 0.0))
        except failures.GetTimeoutError:
            if end is not None and monotonic() >= end:
                raise
        if any(map(is_nowhere, [wanted, *needed])):
            raise ValueLost("it was lost with its node")


def is_nowhere(name: Any) -> bool:
    """Whether something was made, but is in no object store any more, and not with its owner."""
    told = import_module("ray.experimental").get_object_locations([name]).get(name)
    if told is None or told["object_size"] is None or told["node_ids"] or told["did_spill"]:
        return False
    try:
        ray.get(name, timeout=0.0)
    except failures.GetTimeoutError:
        return True
    return False


def first_line(error: BaseException) -> str:
    """What an error says, in short."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"
