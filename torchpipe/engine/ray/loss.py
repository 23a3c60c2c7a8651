"""`told_as_lost`: what Ray raises, in words of our own. And Ray itself, if it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
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


def first_line(error: BaseException) -> str:
    """What an error says, in short."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}"
