"""`needing`: what to say when a module is missing that an extra brings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torchpipe.errors import UsageError


@contextmanager
def needing(extra: str, what: str) -> Iterator[None]:
    """A block that imports what an extra brings, to do `what`.

    Raises:
        UsageError: A module is not installed; the text says how to get it.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("torchpipe"):
            raise
        raise UsageError(
            f"cannot {what}: the module {error.name!r} is not installed. Install the extra "
            f"`{extra}`: from a checkout, pip install --editable '.[{extra}]'."
        ) from error
