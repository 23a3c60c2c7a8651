"""Bad input of every kind has one shape and a sensible status; the service stays healthy."""

from __future__ import annotations

import asyncio
import json

import httpx
import pytest

from tests.serve.made import TIMEOUT, Typed, add_one, connected, problem, serving, serving_apart

GOOD = {
    "flag": True,
    "count": 3,
    "share": 0.5,
    "person": {"name": "Ada", "boxes": [{"left": 1.0}]},
    "scores": [[1, 2, 3], [4, 5, 6]],
}
WRONG = {
    "flag": [1, "true", None, 0.0],
    "count": ["3", 3.5, None, True, [3], {}],
    "share": ["0.5", None, [], True],
    "person": [
        None, [], {"name": "Ada"}, {"name": 3, "boxes": []}, {"name": "x", "y": 1},
    ],
    "scores": [
        None, "x", {}, [], [1, 2], [[1], [2, 3]], [[1], ["x"]], [[1], [None]], [[[1]], [[2]]],
        [[1e39, 0, 0], [0, 0, 0]], [[2**70, 0, 0], [1, 0, 0]],
        {"dtype": "float32", "shape": [2, 3], "data": "AAAA"},
        {"dtype": "float64", "shape": [2, 3], "data": "A" * 64},
        {"dtype": "O", "shape": [2, 3], "data": ""},
        {"dtype": "float32", "shape": [2, -1], "data": ""},
        {"dtype": "float32", "shape": [2, 2**62], "data": ""},
        {"dtype": "float32", "shape": "x", "data": ""}, {"dtype": [], "shape": [2, 3], "data": ""},
        {"dtype": "float32", "shape": [2, 3], "data": "!"},
    ],
    "colour": ["green", "RED", 1, None],
    "size": ["medium", None],
    "note": [3, []],
}  # fmt: skip


@pytest.fixture(scope="module")
def url():
    with serving_apart("tests.serve.everything:Everything", "--no-access-log") as (_, url):
        yield url


@pytest.fixture
def client(url):
    with httpx.Client(base_url=url, timeout=TIMEOUT) as client:
        yield client


@pytest.fixture(autouse=True)
def healthy(client):
    """After each test, a good request has its result."""
    yield
    assert client.post("/run", json=GOOD).json() == {"out": "Ada (2, 3) RED small None"}


@pytest.mark.parametrize("name", list(WRONG))
def test_a_wrong_value_is_named(client, name):
    for value in WRONG[name]:
        told = problem(client.post("/run", json=GOOD | {name: value}), 422)
        assert told["errors"][0]["at"].partition(".")[0] == name, value
        assert told["detail"].startswith(name)


@pytest.mark.parametrize("name", ["flag", "count", "share", "person", "scores"])
def test_a_missing_value_is_named(client, name):
    given = {key: value for key, value in GOOD.items() if key != name}
    told = problem(client.post("/run", json=given), 422)
    assert told["detail"] == f"{name}: Field required"


def test_an_extra_value_is_named(client):
    told = problem(client.post("/run", json=GOOD | {"more": 1}), 422)
    assert told["detail"] == "more: Extra inputs are not permitted"


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"null", b"[]", b'"x"', b"1", b"\xff\xfe", b"\x00", b"{}}", b"[" * 100_000,
        b'{"count": NaN}', b'{"share": Infinity}', b'{"share": -Infinity}', b'{"share": 1e999}',
        b'{"count": ' + b"9" * 10_000 + b"}", b'{"note": "\\ud800"}', b"{'a': 1}",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["/run", "/run-batch", "/stream"])
def test_a_body_that_is_no_item(client, path, body):
    problem(client.post(path, content=body, headers={"Content-Type": "application/json"}), 422)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("name", ["share", "scores"])
def test_nan_and_infinity_are_refused(client, name, value):
    value = value if name == "share" else f"[[{value}, 1, 2], [1, 2, 3]]"
    given = json.dumps(GOOD | {name: "HERE"}).replace('"HERE"', value)
    problem(client.post("/run", content=given), 422)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_a_wrong_method_gives_405(client, method):
    reply = client.request(method, "/run")
    problem(reply, 405)
    assert reply.headers["allow"] == "POST"


def test_allow_lists_all_methods(client):
    reply = client.delete("/parameters")
    problem(reply, 405)
    assert set(reply.headers["allow"].split(", ")) == {"GET", "PATCH"}


@pytest.mark.parametrize(
    "path",
    ["/none", "/run/", "//run", "/RUN", "/run/../stats2", "/%2e%2e/%2e%2e/etc/passwd", "/run%00",
     "/static-offline-docs/..%2f..%2f..%2f__init__.py", "/" + "a" * 5000],
)  # fmt: skip
def test_a_path_that_is_none_gives_404(client, path):
    whole = str(client.base_url).rstrip("/") + path  # or httpx would take `//run` for a host
    problem(client.post(whole, json=GOOD), 404) if "static" not in path else None
    assert client.get(whole).status_code in (404, 405)


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "x" * 200])
def test_another_media_type_gives_415(client, kind):
    for path in ("/run", "/run-batch", "/stream"):
        problem(client.post(path, content=b"{}", headers={"Content-Type": kind}), 415)


def test_a_request_that_forgets_its_media_type_is_told_the_header(client):
    kind = {"Content-Type": "application/x-www-form-urlencoded"}  # what curl says of -d
    told = problem(client.post("/run-batch", content=b"{}", headers=kind), 415)
    assert told["detail"] == (
        "cannot read application/x-www-form-urlencoded: send JSON, with -H 'Content-Type: "
        "application/json'."
    )


def test_a_parameter_of_the_query_that_is_wrong(client):
    problem(client.post("/run?arrays=holes", json=GOOD), 422)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"--x", b"--x\r\n\r\n--x--",
        b"--x\r\nContent-Disposition: form-data\r\n\r\n1\r\n--x--",
        b'--x\r\nContent-Disposition: form-data; name="none"\r\n\r\n1\r\n--x--\r\n',
        b'--x\r\nContent-Disposition: form-data; name="count"\r\n\r\n1\r\n',
        b"--x\r\n" + b"a" * 100_000,
    ],
)  # fmt: skip
def test_a_form_that_is_none(client, body):
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    reply = client.post("/run", content=body, headers=headers)
    problem(reply, reply.status_code)
    assert reply.status_code in (400, 422)
    reply = client.post("/run", content=body, headers={"Content-Type": "multipart/form-data"})
    problem(reply, reply.status_code)
    assert reply.status_code in (400, 422)


@pytest.mark.parametrize(
    "head",
    [
        b"POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: 1e3\r\n\r\n",
        b"POST /run HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"NONSENSE\r\n\r\n",
        b"POST /run HTTP/1.1\r\nA: " + b"b" * 200_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_is_no_http_breaks_nothing(client, head):
    async def send() -> None:
        async with connected(client.base_url.port) as raw:
            raw.send(head)
            raw.writer.write_eof()
            assert b"Traceback" not in await asyncio.wait_for(raw.reader.read(), 10)

    asyncio.run(send())


def test_a_request_id_is_taken_only_if_it_is_harmless(client):
    for bad in ("a b", "x" * 129, "ä", "a\tb", ""):
        reply = client.post("/run", json=GOOD, headers={"X-Request-Id": bad.encode()})
        assert len(reply.headers["x-request-id"]) == 32


@pytest.mark.parametrize("body", [b"NaN", b"[1]", b"{", b'{"a.b": NaN}', b'{"none.such": 1}', b""])
@pytest.mark.parametrize(("method", "path"), [("PATCH", "/parameters"), ("POST", "/scale")])
def test_control_that_cannot_be_read(client, method, path, body):
    headers = {"Content-Type": "application/json"}
    problem(client.request(method, path, content=body, headers=headers), 422)


def test_half_a_request_is_forgotten():
    async def leave(port: int) -> None:
        async with connected(port) as raw:
            raw.send(b"POST /run HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")

    with serving(Typed(add_one)) as live:
        asyncio.run(leave(live.port))
        assert live.service.inside == 0
