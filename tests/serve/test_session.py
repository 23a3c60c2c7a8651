"""`/session`: items in and results out over one WebSocket, in order."""

from __future__ import annotations

import json
import logging

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

import torchpipe as tp
from tests.serve.made import TIMEOUT, Line, Typed, add_one, serving
from tests.serve.test_limits import until
from torchpipe.testing import Gate, Recorder


def session(live, **options):
    return connect(f"ws{live.url.removeprefix('http')}/session", open_timeout=TIMEOUT, **options)


def test_results_come_in_order_and_errors_in_their_places():
    with serving(Typed(add_one, 3)) as live, session(live) as socket:
        for x in (1, "no", 2):
            socket.send(json.dumps({"x": x}))
        socket.send(b'{"x": 3}')
        found = [json.loads(socket.recv(TIMEOUT)) for _ in range(4)]
        assert [found[0], *found[2:]] == [{"outputs": {"out": x}} for x in (2, 3, 4)]
        assert found[1]["problem"]["status"] == 422


def test_more_items_than_the_window_wait_their_turn():
    with serving(Typed(add_one, 2), window=2, queue=0) as live, session(live) as socket:
        for x in range(200):
            socket.send(json.dumps({"x": x}))
        for x in range(200):
            assert json.loads(socket.recv(TIMEOUT)) == {"outputs": {"out": x + 1}}


def test_a_session_that_is_left_drops_its_items():
    gate, seen = Gate(), Recorder()
    with serving(Line(tp.ScaleUp(gate, 1), seen)) as live:
        with session(live) as socket:
            for x in (1, 2):
                socket.send(json.dumps({"x": x}))
            gate.wait_until_inside(1)
        until(live, lambda: live.service.inside == 0, "nobody inside")
        gate.open()
        with session(live) as socket:
            socket.send('{"x": 3}')
            assert json.loads(socket.recv(TIMEOUT)) == {"outputs": {"out": 3}}
    assert seen.items == [3]


def test_messages_are_not_compressed_as_many_large_ones_would_fit_into_one_read():
    with serving(Typed(add_one)) as live, session(live, compression="deflate") as socket:
        assert "Sec-WebSocket-Extensions" in socket.request.headers
        assert "Sec-WebSocket-Extensions" not in socket.response.headers


def test_a_session_may_demand_the_token():
    with serving(Typed(add_one), token="secret", guards_all=True) as live:
        with pytest.raises(InvalidStatus), session(live):
            pass
        with session(live, additional_headers={"X-API-Key": "secret"}) as socket:
            socket.send('{"x": 3}')
            assert json.loads(socket.recv(TIMEOUT)) == {"outputs": {"out": 4}}


def test_the_access_log_tells_whether_a_session_opened(caplog):
    caplog.set_level(logging.INFO, "torchpipe.access")
    with serving(Typed(add_one), token="secret", guards_all=True) as live:
        with pytest.raises(InvalidStatus), session(live):
            pass
        with session(live, additional_headers={"X-API-Key": "secret"}):
            pass
    told = [json.loads(record.message) for record in caplog.records]
    assert [(one["method"], one["path"], one["status"]) for one in told] == [
        ("WEBSOCKET", "/session", 403),
        ("WEBSOCKET", "/session", 101),
    ]


def test_the_end_of_the_service_ends_sessions():
    with serving(Typed(add_one)) as live, session(live) as socket:
        live.server.should_exit = True
        with pytest.raises(ConnectionClosed):
            socket.recv(TIMEOUT)
