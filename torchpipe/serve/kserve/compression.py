"""Compressed replies; compressed requests are read as all others are.

Which codings a client takes is said as in HTTP, RFC 9110,
https://www.rfc-editor.org/rfc/rfc9110#name-accept-encoding.
"""

from __future__ import annotations

import gzip
import zlib


def compressed(body: bytes, encoding: str) -> bytes:
    """The body, compressed; fast rather than small, as tensors hardly shrink."""
    if encoding == "gzip":
        return gzip.compress(body, 1, mtime=0)
    return zlib.compress(body, 1) if encoding == "deflate" else body


def chosen(accepted: str) -> str:
    """Which encoding to reply with, for an `Accept-Encoding`: empty for none.

    Only a client that names exactly one is taken at its word. Those that list all that they know,
    as browsers and most libraries do, are better off without: tensors hardly shrink.
    """
    wanted = accepted.strip().lower()
    return wanted if wanted in ("gzip", "deflate") else ""
