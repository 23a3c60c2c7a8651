"""What is said of an error of the user's own, which stays what it is."""

from __future__ import annotations

from contextlib import suppress


def note(error: BaseException, text: str) -> None:
    """Add a note; an exception that takes none, such as a frozen dataclass, goes without."""
    with suppress(Exception):
        error.add_note(text)


def silent_no_more(error: BaseException) -> BaseException:
    """The error; for a StopIteration, which would end a loop silently, a RuntimeError."""
    if not isinstance(error, StopIteration):
        return error
    told = RuntimeError("a cell raised StopIteration")
    told.__cause__ = error
    return told.with_traceback(error.__traceback__)


def miscounted(path: str) -> str:
    """What to say where the values that a cell returned are not as many as its outputs."""
    return (
        f"{path}.forward returned another number of values than its return type has fields: return "
        f"one value for each."
    )
