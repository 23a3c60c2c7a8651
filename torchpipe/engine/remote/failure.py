"""`Failure`: an error on its way from another process: its type, notes and traceback are kept.

`Lost` says that nothing will come from there any more.
"""

from __future__ import annotations

import pickle
import traceback
from collections.abc import Callable
from typing import Any, NamedTuple

from torchpipe.engine.notes import note
from torchpipe.errors import RunError

Dumps = Callable[[Any], bytes]


class Lost(Exception):
    """The process behind a clone does not answer any more."""


class Late(Lost):
    """It did not return in time."""


class ValueLost(Lost):
    """What a call was to read, or what it returned, is gone; its process may be well."""


class Failure(NamedTuple):
    """What was raised: pickled, with its traceback as text."""

    data: bytes
    text: str
    notes: tuple[str, ...]

    def error(self) -> BaseException:
        """The error again; its cause shows the traceback of the other process."""
        made: Any = pickle.loads(self.data)
        error: BaseException = made() if isinstance(made, Parts) else made
        for text in self.notes[len(getattr(error, "__notes__", ())) :]:
            note(error, text)
        error.__cause__ = RemoteTraceback(self.text)
        return error


class Parts(NamedTuple):
    """An error taken apart, for types that cannot be pickled as a whole."""

    kind: type[BaseException]
    args: tuple[Any, ...]
    state: dict[str, Any]

    def __call__(self) -> BaseException:
        """Put it together, without calling `__init__`."""
        error = self.kind.__new__(self.kind, *self.args)
        error.args = self.args
        error.__dict__.update(self.state)
        return error


class RemoteTraceback(Exception):
    """The traceback of an error in the process where it was raised, as text."""

    def __str__(self) -> str:
        return f'\n"""\n{self.args[0]}"""'


def failure_of(error: BaseException, dumps: Dumps) -> Failure:
    """Make a failure of an error: as it is, or else as much of it as can be pickled.

    Args:
        error: What was raised.
        dumps: Pickles functions and classes too.
    """
    text = "".join(traceback.format_exception(error))
    notes = tuple(getattr(error, "__notes__", ()))
    told = RunError(f"{type(error).__qualname__}: {error}")
    shown = tuple(map(repr, error.args))
    versions = [error, Parts(type(error), error.args, vars(error)), Parts(type(error), shown, {})]
    for version in versions:
        try:
            failure = Failure(dumps(version), text, notes)
            if type(failure.error()) is type(error):
                return failure
        except Exception:  # the next version says less, and is simpler
            continue
    return Failure(dumps(told), text, notes)


def raise_failure(failure: Failure | None) -> None:
    """Raise the error of a failure, if there is one."""
    if failure is not None:
        raise failure.error()
