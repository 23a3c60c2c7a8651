"""What services and pages say of the address at which they listen."""

from __future__ import annotations

import ipaddress
from typing import Any
from urllib.parse import quote


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to the address.

    >>> is_loopback("127.0.0.1"), is_loopback("::1"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def url_of(address: tuple[Any, ...]) -> str:
    """The URL of a socket's address.

    >>> url_of(("127.0.0.1", 8000)), url_of(("::1", 8000, 0, 0))
    ('http://127.0.0.1:8000', 'http://[::1]:8000')
    """
    host, port = address[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def page_at(url: str, token: str | None) -> str:
    """The address of a live page for a browser, which brings the token in it.

    >>> page_at("http://127.0.0.1:8000", "a b"), page_at("http://127.0.0.1:8000/dashboard", None)
    ('http://127.0.0.1:8000/?token=a%20b', 'http://127.0.0.1:8000/dashboard/')
    """
    return f"{url}/" if token is None else f"{url}/?token={quote(token)}"
