"""Who may: those who bring the token; where there is none, programs on this machine.

A page of another site can make a browser send requests, or (by a name that leads to this machine)
even read the answers: hence the looks at `Host` and `Origin`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any

from torchpipe.addresses import is_loopback

Headers = Mapping[bytes, bytes]


class Token:
    """A secret that requests bring: as `Authorization: Bearer`, as `X-API-Key`, or in a cookie.

    It takes as long to say no as to say yes.

    Attributes:
        cookie: The name of its cookie; cookies of one host do not know ports.
    """

    def __init__(self, text: str):
        self._text = text.encode()
        self.cookie = f"torchpipe-{hashlib.sha256(self._text).hexdigest()[:8]}"

    def equals(self, given: bytes) -> bool:
        """Whether this is the secret."""
        return hmac.compare_digest(given, self._text)

    def is_in(self, headers: Headers) -> bool:
        """Whether a program brings it."""
        kind, _, bearer = headers.get(b"authorization", b"").partition(b" ")
        given = bearer.strip() if kind.lower() == b"bearer" else headers.get(b"x-api-key", b"")
        return self.equals(given)

    def is_in_cookie(self, headers: Headers) -> bool:
        """Whether a browser brings it."""
        for cookie in headers.get(b"cookie", b"").decode("latin-1").split(";"):
            if cookie.partition("=")[0].strip() == self.cookie:  # those of others may be no cookies
                found = SimpleCookie(cookie).get(self.cookie)
                return found is not None and self.equals(found.value.encode())
        return False


def headers_of(scope: Mapping[str, Any]) -> Headers:
    """The headers of a request."""
    return dict(scope["headers"])


def host_of(headers: Headers) -> str:
    """The name by which a client calls this machine, with the port."""
    return headers.get(b"host", b"").decode("latin-1")


def origin_of(headers: Headers) -> str | None:
    """The host of the web page that asks, with the port; None where no page does."""
    origin = headers.get(b"origin")
    return None if origin is None else origin.decode("latin-1").partition("://")[2]


def is_local(scope: Mapping[str, Any], headers: Headers) -> bool:
    """Whether a request came by a loopback address, and not from a web page of another host."""
    server = scope.get("server") or ("", 0)
    names = [host_of(headers), origin_of(headers)]
    local = [is_loopback(without_port(name)) for name in names if name is not None]
    return is_loopback(server[0]) and all(local)


def is_foreign(headers: Headers) -> bool:
    """Whether a browser says that a page of another site asks."""
    return origin_of(headers) not in (None, host_of(headers))


def without_port(name: str) -> str:
    """A host without its port.

    >>> without_port("localhost:80"), without_port("[::1]:80")
    ('localhost', '::1')
    """
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0]
