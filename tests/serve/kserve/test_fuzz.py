"""Whatever is sent, there is an answer in the one shape, and the service goes on."""

from __future__ import annotations

import gzip
import random
from typing import Any

import httpx

from tests.serve.kserve.made import body_of
from tests.serve.kserve.test_client import ARRAY, Both
from torchpipe.serve.kserve.response import HEADER
from torchpipe.serve.kserve.tensor import Tensor

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
