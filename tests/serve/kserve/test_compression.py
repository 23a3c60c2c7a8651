"""Compressed replies, and that requests compressed in the same way are read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchpipe.serve.kserve.compression import chosen, compressed

pytest.importorskip("fastapi")


@settings(deadline=None)
@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", ""]))
def test_what_is_compressed_is_what_requests_may_be(body, encoding):
    from torchpipe.serve.reading import decompressed

    assert decompressed(compressed(body, encoding), encoding, 200) == body


def test_a_reply_is_compressed_for_those_who_ask_for_one_encoding():
    assert [chosen(text) for text in ("gzip", "deflate", "Gzip")] == ["gzip", "deflate", "gzip"]
    listed = ("", "gzip, deflate, br", "identity", "br", "*", "gzip;q=0")
    assert [chosen(text) for text in listed] == [""] * 6
