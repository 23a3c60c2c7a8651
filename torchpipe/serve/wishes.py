"""What a client wishes beside its item: how arrays are written, and by when it has its answer."""

from __future__ import annotations

from starlette.requests import HTTPConnection

from torchpipe.serve.refusals import BadInput

SHORTEST, LONGEST = 0.001, 86_400.0  # seconds that a client may give its request


def context_of(request: HTTPConnection) -> dict[str, str]:
    """How to write: `?arrays=base64` or lists."""
    if not request.scope["query_string"]:
        return {"arrays": "lists"}
    given = request.query_params.getlist("arrays") or ["lists"]
    if given not in (["lists"], ["base64"]):
        raise BadInput("arrays: it must be lists or base64.")
    return {"arrays": given[0]}


def deadline_of(request: HTTPConnection) -> float | None:
    """The seconds that a client gives its request, in the header `X-Request-Timeout`."""
    text = request.headers.get("x-request-timeout")
    if text is None:
        return None
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not SHORTEST <= seconds <= LONGEST:
        raise BadInput(f"X-Request-Timeout: give seconds, from {SHORTEST} to {LONGEST:.0f}.")
    return seconds
