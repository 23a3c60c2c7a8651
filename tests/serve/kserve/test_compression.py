"""Compressed bodies, and bombs."""

from __future__ import annotations

import gzip
import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchpipe.serve.kserve.compression import chosen, compressed, decompressed
from torchpipe.serve.kserve.refused import Refused


@given(st.binary(max_size=200), st.sampled_from(["gzip", "deflate", ""]))
def test_what_is_compressed_comes_back(body, encoding):
    assert decompressed(compressed(body, encoding), encoding, 200) == body


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_refused_and_never_held(encoding):
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    bomb = pack(bytes(50_000_000))
    with pytest.raises(Refused) as caught:
        decompressed(bomb, encoding, 1000)
    assert caught.value.status == 413
    text = "the body is too large once it is decompressed: send less at a time."
    assert str(caught.value) == text


def test_the_limit_is_what_may_come_out():
    assert decompressed(gzip.compress(bytes(1000)), "gzip", 1000) == bytes(1000)
    with pytest.raises(Refused):
        decompressed(gzip.compress(bytes(1001)), "gzip", 1000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
@pytest.mark.parametrize(
    "body", [b"", b"abc", gzip.compress(b"abc")[:-1], zlib.compress(b"a") + b"b"]
)
def test_a_damaged_body_is_refused(encoding, body):
    with pytest.raises(Refused) as caught:
        decompressed(body, encoding, 1000)
    text = f"the body is not {encoding}, or damaged, though Content-Encoding says so."
    assert (str(caught.value), caught.value.status) == (text, 400)


def test_other_encodings_are_refused():
    with pytest.raises(Refused) as caught:
        decompressed(b"", "br", 1000)
    text = "cannot read Content-Encoding 'br': send gzip, deflate, or none."
    assert (str(caught.value), caught.value.status) == (text, 415)


@given(st.binary(max_size=60), st.sampled_from(["gzip", "deflate", " GZIP ", "x", "identity"]))
def test_any_body_gives_an_answer(body, encoding):
    with suppress(Refused):
        decompressed(body, encoding, 100)


def test_a_reply_is_compressed_for_those_who_ask_for_one_encoding():
    assert [chosen(text) for text in ("gzip", "deflate", "Gzip")] == ["gzip", "deflate", "gzip"]
    listed = ("", "gzip, deflate, br", "identity", "br", "*", "gzip;q=0")
    assert [chosen(text) for text in listed] == [""] * 6
