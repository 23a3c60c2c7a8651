"""`Guard`: who may look at the page, and steer the run.

Plain ASGI around the routes. A page of another site can make a browser send requests, or (by a name
that leads to this machine) even read the answers: hence the looks at `Host` and `Origin`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection
from urllib.parse import parse_qs

from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


class Guard:
    """Lets requests pass, or refuses them; no answer lets a browser ask another machine.

    Args:
        app: What is behind.
        token: What requests must bring: as `Authorization: Bearer`, or once as `?token=`, which
            leaves a cookie. None lets everybody.
        hosts: The names by which the page may be called; None lets all.
    """

    def __init__(self, app: ASGIApp, token: str | None, hosts: Collection[str] | None):
        self.app, self.hosts = app, hosts
        self._token = None if token is None else token.encode()
        digest = b"" if self._token is None else hashlib.sha256(self._token).digest()
        self._cookie = f"torchpipe-{digest.hex()[:8]}"  # cookies of one host do not know ports

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(HEADERS)
            await send(message)

        answer = self._answer(HTTPConnection(scope)) or self.app
        await answer(scope, receive, sent)

    def _answer(self, request: HTTPConnection) -> Response | None:
        """What the guard itself answers, if the request may not pass."""
        host = request.headers.get("host", "")
        if self.hosts is not None and not {host, host.rpartition(":")[0]} & {*self.hosts}:
            return refusal(403, f"this page is not to be called {host!r}.")
        if request.scope["method"] not in ("GET", "HEAD") and is_foreign(request, host):
            return refusal(403, "a page of another site cannot steer this run.")
        return None if self._token is None else self._ask(request, self._token)

    def _ask(self, request: HTTPConnection, token: bytes) -> Response | None:
        """Ask for the token; one in the address moves to a cookie."""
        query = request.scope.get("query_string", b"").decode("latin-1")
        given = parse_qs(query).get("token", [""])[0]
        if given and hmac.compare_digest(given.encode(), token):
            home = f"{request.scope.get('root_path', '')}/"
            answer = RedirectResponse(home, 303)
            answer.set_cookie(self._cookie, given, httponly=True, samesite="lax", path=home)
            return answer
        kind, _, bearer = request.headers.get("authorization", "").partition(" ")
        cookie = request.cookies.get(self._cookie, "")
        known = bearer.strip() if kind.lower() == "bearer" else cookie
        if hmac.compare_digest(known.encode(), token):
            return None
        return refusal(401, "the token is missing or wrong. Open the address with its ?token=...")


def is_foreign(request: HTTPConnection, host: str) -> bool:
    """Whether a browser says that a page of another site asks."""
    origin = request.headers.get("origin")
    return origin is not None and origin.partition("://")[2] != host


def refusal(status: int, why: str) -> Response:
    """A refusal that says why."""
    return PlainTextResponse(f"{why}\n", status)
