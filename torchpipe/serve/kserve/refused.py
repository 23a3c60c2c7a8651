"""`Refused`: a request that cannot be served, with the status and the text of the reply."""

from __future__ import annotations

from typing import Any

from torchpipe.errors import TorchpipeError


class Refused(TorchpipeError):
    """What the client sent cannot be served; the text tells it why, and what to send instead.

    Attributes:
        status: The HTTP status of the reply.
    """

    def __init__(self, text: str, status: int = 400):
        super().__init__(text)
        self.status = status


def shown(value: Any) -> str:
    """A value that a client sent, short enough to be told in an error."""
    if isinstance(value, list | dict):
        return f"{'an array' if isinstance(value, list) else 'an object'} of {len(value)}"
    if isinstance(value, int) and abs(value) >= 2**64:
        return "an integer of more than 64 bits"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
