"""Whatever a browser sends, the page does it or says why not; and goes on."""

from __future__ import annotations

import json
import math

import httpx
import pytest
from hypothesis import strategies as st

import torchpipe as tp
from tests.dashboard.conftest import Sums
from tests.dashboard.test_server import client_of
from tests.fuzzing import damaged, fuzz, fuzzed, nested
from torchpipe.access import Token
from torchpipe.dashboard import app
from torchpipe.errors import ParameterError

NAMES = ("digest.rounds", "digest.weight", "digest.on", "digest.kind", "digest.seed", "digest.path")
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3),
    st.sampled_from((2, 0.5, 10**400, math.nan, "\ud800")),
)  # fmt: skip
PARTS = st.one_of(LEAVES, st.lists(LEAVES, max_size=2), st.dictionaries(st.text(), LEAVES))
ASKED = st.dictionaries(st.one_of(st.sampled_from((*NAMES, "\ud800", "digest")), st.text()), PARTS)
BODIES = st.one_of(
    ASKED.map(json.dumps).map(str.encode),
    damaged(b'{"digest.rounds": 5, "digest.weight": 0.5}'),
    nested("1", "[", "]").map(str.encode),
    nested("1", '{"a":', "}").map(str.encode),
)


@fuzzed
@pytest.mark.parametrize(("method", "path"), [("PATCH", "/parameters"), ("POST", "/scale")])
def test_bodies(examples, sums, page_of, method, path):
    with page_of(sums()) as page, client_of(page) as client:

        def check(body: bytes) -> None:
            if path == "/scale" and b'"digest"' in body:
                return  # a thousand clones are allowed, and take their time
            reply = client.request(method, path, content=body)
            assert reply.status_code in (200, 422)
            assert isinstance(reply.json(), dict)
            assert client.get("/parameters").status_code == 200

        fuzz(examples, BODIES, check)


ODD = st.one_of(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=20),
    st.sampled_from(("[", "[::1", "a@b=1", "torchpipe=\xff", "Bearer \xe4", "Bearer", "=;=;", '"')),
)


@fuzzed
def test_headers_and_queries(examples):
    with Sums().run() as run:
        guard = app(run, token="sécret", hosts=None)
        with Client(guard) as ask:

            def check(given: tuple[str, str, str, str]) -> None:
                host, cookie, bearer, query = (text.encode("latin-1") for text in given)
                headers = [(b"host", host), (b"cookie", cookie), (b"authorization", bearer)]
                assert ask(headers, query) == 401

            fuzz(examples, st.tuples(ODD, ODD, ODD, ODD), check)


class Client:
    """Asks an app without a client, which would refuse to send such headers."""

    def __init__(self, app):
        self.app = app

    def __enter__(self):
        import asyncio

        self.runner = asyncio.Runner()
        return self

    def __exit__(self, *error):
        self.runner.close()

    def __call__(self, headers, query):
        sent = []

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message):
            sent.append(message)

        scope = {
            "type": "http", "method": "GET", "path": "/graph", "query_string": query,
            "headers": headers, "scheme": "http", "server": ("127.0.0.1", 80), "root_path": "",
        }  # fmt: skip
        self.runner.run(self.app(scope, receive, send))
        return sent[0]["status"]


def test_cookies_of_other_pages_on_this_machine_do_no_harm():
    with Sums().run() as run, Client(app(run, token="t", hosts=None)) as ask:
        cookie = Token("t").cookie
        mine = f"a@b=1; {cookie}=t".encode()
        assert ask([(b"host", b"[::1"), (b"cookie", mine)], b"") == 200


def test_a_number_that_no_float_holds(sums, page_of):
    with page_of(sums()) as page, client_of(page) as client:
        reply: httpx.Response = client.patch(
            "/parameters", content=f'{{"digest.weight":{10**400}}}'
        )
        assert reply.status_code == 422
        assert reply.json()["error"].endswith(": no float is as large.")


def test_a_float_parameter_refuses_what_no_float_holds():
    class Weigh(tp.Cell):
        weight = tp.Parameter(0.5)

    with pytest.raises(ParameterError, match="no float is as large"):
        Weigh().weight = 10**400
