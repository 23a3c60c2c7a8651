"""Compressed bodies: read with a limit on what comes out, and written."""

from __future__ import annotations

import gzip
import zlib

from torchpipe.serve.kserve.refused import Refused, shown

# What zlib calls the two formats.
WINDOWS = {"gzip": 31, "x-gzip": 31, "deflate": 15}


def decompressed(body: bytes, encoding: str, limit: int) -> bytes:
    """A body as it was before it was compressed.

    Args:
        body: What arrived.
        encoding: The `Content-Encoding`; empty if there is none.
        limit: Most bytes that may come out; no more than that is ever held.

    Raises:
        Refused: It is larger (413), damaged (400), or of an unknown encoding (415).
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in WINDOWS:
        raise Refused(
            f"cannot read Content-Encoding {shown(encoding)}: send gzip, deflate, or none.", 415
        )
    reader = zlib.decompressobj(WINDOWS[encoding])
    try:
        made = reader.decompress(body, limit + 1)
    except zlib.error:
        raise damaged(encoding) from None
    if len(made) > limit:
        raise Refused("the body is too large once it is decompressed: send less at a time.", 413)
    if not reader.eof or reader.unused_data:
        raise damaged(encoding)
    return made


def damaged(encoding: str) -> Refused:
    """The error for a body that does not decompress."""
    return Refused(f"the body is not {encoding}, or damaged, though Content-Encoding says so.")


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
