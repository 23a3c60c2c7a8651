"""What a service says when it does not give a result: one shape for every error.

It is that of RFC 9457 (problem details), with `error` for clients of the Open Inference Protocol.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from pydantic import ValidationError

MEDIA_TYPE = "application/problem+json"
MOST_TOLD = 100  # errors of one request
PLACE = re.compile(r"in cell '(?P<cell>[^']*)' \((?P<clone>.*)\)")

SCHEMA = {
    "title": "Problem",
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "what the status means"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what is wrong here, and what to do"},
        "error": {"type": "string", "description": "the same as `detail`"},
        "request_id": {"type": "string"},
        "cell": {"type": "string", "description": "the cell that failed"},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
    "required": ["type", "title", "status", "detail", "error", "request_id"],
}


class Refusal(Exception):
    """A request that gets no result.

    Attributes:
        status: The HTTP status.
        detail: What is wrong, and what to do.
        headers: Those of the response.
        more: Further fields of the body.
    """

    status = 400

    def __init__(
        self,
        detail: str,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ):
        super().__init__(detail)
        self.detail, self.status = detail, self.status if status is None else status
        self.headers, self.more = dict(headers or {}), more

    def body(self, request_id: str) -> dict[str, Any]:
        """The problem, as JSON has it."""
        gone = self.status == Gone.status
        title = "Client Closed Request" if gone else HTTPStatus(self.status).phrase
        told = {"status": self.status, "detail": self.detail, "error": self.detail}
        return {
            "type": "about:blank",
            "title": title,
            **told,
            "request_id": request_id,
            **self.more,
        }

    def rendered(self, request_id: str) -> bytes:
        """The body as bytes."""
        return json.dumps(self.body(request_id)).encode()


class BadInput(Refusal):
    """The request is not what the service takes."""

    status = 422


class Gone(Refusal):
    """The client has gone; nobody but the access log reads it."""

    status = 499

    def __init__(self) -> None:
        super().__init__("the client has gone.")


class Overloaded(Refusal):
    """All places are taken."""

    status = 503

    def __init__(self, places: int):
        text = f"all {places} places are taken. Send it again later, or send fewer at a time."
        super().__init__(text, headers={"Retry-After": "1"})


class Crowded(Refusal):
    """What all clients have sent takes too much memory."""

    status = 503

    def __init__(self, most: int):
        text = f"all requests together hold {most:,} bytes, the most there may be. Send it later."
        super().__init__(text, headers={"Retry-After": "1", "Connection": "close"})


class TooManySessions(Refusal):
    """As many sessions are open as there may be."""

    status = 503

    def __init__(self, most: int):
        text = f"all {most} sessions are taken. Try again later, or end one."
        super().__init__(text, headers={"Retry-After": "1"})


class Draining(Refusal):
    """The service is about to end."""

    status = 503

    def __init__(self) -> None:
        super().__init__("the service is ending. Ask another one.", headers={"Retry-After": "1"})


class DeadlineExceeded(Refusal):
    """It took too long; the item was dropped, or the rest of its results."""

    status = 504

    def __init__(self, seconds: float, *, some: bool = False):
        missing, dropped = "there was no result", "the item"
        if some:
            missing, dropped = "not all results were there", "the rest"
        super().__init__(f"{missing} within {seconds:g} s, and {dropped} was dropped.")


class TooSlow(Refusal):
    """The client does not take results, and others wait for theirs."""

    status = 408

    def __init__(self, seconds: float):
        super().__init__(
            f"no result was taken for {seconds:g} s while others waited, and the rest was dropped. "
            f"Read faster."
        )


class ItemFiltered(Refusal):
    """A cell filtered the item."""

    status = 404

    def __init__(self) -> None:
        super().__init__("the item has no result: a cell filtered it, or failed and skipped it.")


class CellFailed(Refusal):
    """A cell raised; which error it was stays in the log, as it may hold what is not public."""

    status = 500

    def __init__(self, error: BaseException):
        notes = getattr(error, "__notes__", [])
        found = next((place for note in notes if (place := PLACE.search(note))), None)
        cell = found["cell"] if found else "unknown"
        text = f"the cell {cell!r} failed on this item with {type(error).__name__}."
        super().__init__(f"{text} The log of the service says more.", cell=cell)


def bad_input(error: ValidationError) -> BadInput:
    """What pydantic found, as a refusal; it takes long to list thousands, so they are counted."""
    if error.error_count() > MOST_TOLD:
        text = f"{error.error_count():,} things are wrong with it, too many to name."
        return BadInput(f"{text} Send what /openapi.json describes.", errors=[])
    found = [
        {
            "at": ".".join(str(part) for part in one["loc"]),
            "problem": one["msg"].removeprefix("Value error, "),
        }
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    first = found[0]
    where = f"{first['at']}: " if first["at"] else ""
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return BadInput(f"{where}{first['problem']}{more}", errors=found)
