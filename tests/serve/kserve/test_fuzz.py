"""Whatever is sent, there is an answer in the one shape, and the service goes on."""

from __future__ import annotations

import gzip
import json
import random
from contextlib import suppress
from typing import Any

import httpx
import pytest
from hypothesis import strategies as st

from tests.fuzzing import damaged as altered
from tests.fuzzing import fuzz, fuzzed, nested
from tests.serve.kserve.made import body_of
from tests.serve.kserve.test_client import ARRAY, Both
from torchpipe.serve.kserve.request import read_request
from torchpipe.serve.kserve.response import HEADER
from torchpipe.serve.kserve.tensor import Tensor
from torchpipe.serve.refusals import Refusal

GOOD = body_of(
    [Tensor("array", "FP32", (2, 3), ARRAY), Tensor("text", "BYTES", (1,), (b"\xff",))],
    [True, True],
    parameters={"binary_data_output": True},
)


def damaged(chance: random.Random) -> tuple[bytes, dict[str, str]]:
    """A request with something wrong; or, now and then, with nothing."""
    body, header = bytearray(GOOD[0]), str(GOOD[1])
    for _ in range(chance.randrange(4)):
        body[chance.randrange(len(body))] = chance.randrange(256)
    if chance.random() < 0.3:
        body = body[: chance.randrange(len(body))]
    headers = {HEADER: header if chance.random() < 0.8 else str(chance.randrange(500))}
    if chance.random() < 0.3:
        headers["Content-Encoding"] = chance.choice(["gzip", "deflate", "br", "identity"])
        body = bytearray(gzip.compress(bytes(body)))
    return bytes(body), headers


def test_500_damaged_requests_leave_the_service_healthy(serve):
    address, chance = serve(Both()), random.Random(0)
    seen: dict[int, int] = {}
    with httpx.Client(base_url=f"http://{address}/v2/models/Both") as client:

        def ask(content: bytes, headers: Any) -> httpx.Response:
            reply = client.post("/infer", content=content, headers=headers)
            seen[reply.status_code] = seen.get(reply.status_code, 0) + 1
            return reply

        for _ in range(500):
            reply = ask(*damaged(chance))
            assert reply.status_code in (200, 400, 415)
            assert reply.status_code == 200 or reply.json()["error"]
        assert min(seen[200], seen[400], seen[415]) > 10
        assert ask(GOOD[0], {HEADER: str(GOOD[1])}).status_code == 200


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3),
    st.sampled_from((2**62, 2**64, 10**400, "\ud800", [], {}, [[1], [2, 3]], [1.5, True], ["a"])),
)  # fmt: skip
SIZES = st.lists(st.sampled_from((0, 1, 2, -1, 2**31, 2**62, 1.0)), max_size=3)
INPUTS = st.fixed_dictionaries(
    {"name": st.just("x"), "shape": st.one_of(SIZES, ODD)},
    optional={
        "datatype": st.one_of(st.sampled_from(("FP32", "BF16", "BOOL", "INT64", "BYTES")), ODD),
        "data": st.one_of(ODD, st.lists(ODD, max_size=3)),
        "parameters": st.one_of(ODD, st.dictionaries(st.just("binary_data_size"), ODD)),
    },
)
NAMES = ("sequence_id", "sequence_start", "sequence_end", "timeout", "binary_data_output", "a")
REQUESTS = st.fixed_dictionaries(
    {"inputs": st.one_of(st.lists(INPUTS, max_size=2), ODD)},
    optional={
        "id": ODD,
        "outputs": st.one_of(ODD, st.lists(st.fixed_dictionaries({"name": ODD}), max_size=2)),
        "parameters": st.one_of(ODD, st.dictionaries(st.sampled_from(NAMES), ODD, max_size=3)),
    },
)
BODIES = st.one_of(
    altered(GOOD[0]),
    REQUESTS.map(json.dumps).map(str.encode),
    nested("1", "[", "]").map(str.encode),
)
HEADERS = st.sampled_from((None, str(GOOD[1]), "0", "-1", "9" * 30, "\xb2", ""))


@fuzzed
def test_a_request_is_read_or_refused(examples):
    def check(asked: tuple[bytes, str | None]) -> None:
        with suppress(Refusal):
            read_request(*asked)

    fuzz(examples, st.tuples(BODIES, HEADERS), check)


def test_a_name_of_a_sequence_is_not_kept_if_it_is_long():
    body = {"inputs": [], "parameters": {"sequence_id": "a" * 257, "sequence_start": True}}
    with pytest.raises(Refusal) as caught:
        read_request(json.dumps(body).encode())
    assert caught.value.detail == "parameters.sequence_id must have at most 256 characters."
