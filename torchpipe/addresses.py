"""What services and pages say of the address at which they listen."""

from __future__ import annotations

import ipaddress
from typing import Any


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
