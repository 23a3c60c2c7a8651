"""Requests to another process over a socket: matched, and told at once when either side ends."""

from __future__ import annotations

import socket
import threading

import pytest

from torchpipe.engine.remote.channel import Channel, Listener, connected, requests, send
from torchpipe.engine.remote.failure import Lost


@pytest.fixture
def ends():
    """A channel, and the socket at its other end."""
    listener = Listener()
    other = connected(listener.address)
    channel = Channel(listener.accept(), alive=lambda: True)
    yield channel, other
    channel.close()
    other.close()


def test_answers_are_matched_by_their_numbers(ends):
    channel, other = ends
    numbers = [channel.request(text) for text in (b"one", b"two", b"three")]
    asked = dict(next(requests(other)) for _ in numbers)
    assert [bytes(asked[number]) for number in numbers] == [b"one", b"two", b"three"]
    for number in reversed(numbers):
        send(other, number, bytes(asked[number]).upper())
    assert [channel.answer(number, None) for number in numbers] == [b"ONE", b"TWO", b"THREE"]


def test_any_threads_may_wait(ends):
    channel, other = ends
    numbers = [channel.request(b"%d" % number) for number in range(20)]
    given: dict[int, bytes] = {}
    threads = [
        threading.Thread(target=lambda n=n: given.update({n: bytes(channel.answer(n, None))}))
        for n in numbers
    ]
    for thread in threads:
        thread.start()
    for number in reversed(numbers):
        send(other, number, b"<%d>" % number)
    for thread in threads:
        thread.join()
    assert given == {number: b"<%d>" % number for number in numbers}


def test_large_requests_and_answers_arrive_whole(ends):
    channel, other = ends
    data = bytes(range(256)) * 40_000
    echo = threading.Thread(target=lambda: send(other, *next(requests(other))))
    echo.start()
    assert channel.answer(channel.request(data), None) == data
    echo.join()


def test_all_who_wait_are_told_when_the_other_side_ends(ends):
    channel, other = ends
    numbers = [channel.request(b"") for _ in range(3)]
    told = []

    def wait(number):
        with pytest.raises(Lost, match="its process has ended"):
            channel.answer(number, None)
        told.append(number)

    threads = [threading.Thread(target=wait, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    other.close()
    for thread in threads:
        thread.join()
    assert sorted(told) == numbers
    late = channel.request(b"too late")
    with pytest.raises(Lost, match="its process has ended"):
        channel.answer(late, None)


def test_close_wakes_who_waits(ends):
    channel, _ = ends
    number, told = channel.request(b""), threading.Event()

    def wait():
        with pytest.raises(Lost):
            channel.answer(number, None)
        told.set()

    thread = threading.Thread(target=wait)
    thread.start()
    channel.close()
    thread.join()
    assert told.is_set()


def test_an_answer_that_comes_too_late_is_a_loss(ends):
    channel, _ = ends
    with pytest.raises(Lost, match="did not return before its deadline"):
        channel.answer(channel.request(b""), 0.01)


def test_a_process_whose_child_keeps_the_socket_open_is_found_to_be_gone(monkeypatch):
    monkeypatch.setattr("torchpipe.engine.remote.channel.PATIENCE", 0.01)
    ours, theirs = socket.socketpair()
    channel = Channel(ours, alive=lambda: False)
    with theirs, pytest.raises(Lost, match="its process has ended"):
        channel.answer(channel.request(b""), None)
    channel.close()


def test_a_stranger_is_not_listened_to():
    listener = Listener()
    stranger = connected(listener.address._replace(key=bytes(32)))
    friend = connected(listener.address)
    with listener.accept() as accepted:
        friend.sendall(b"me")
        assert accepted.recv(2) == b"me"
    assert stranger.recv(1) == b""
    stranger.close()
    friend.close()


def test_nobody_who_connects_is_a_loss(monkeypatch):
    monkeypatch.setattr("torchpipe.engine.remote.channel.PATIENCE", 0.01)
    with pytest.raises(Lost, match="it did not connect"):
        Listener().accept()


def test_the_requests_end_with_the_other_side():
    ours, theirs = socket.socketpair()
    with theirs:
        ours.sendall(b"half a he")
        ours.close()
        assert list(requests(theirs)) == []
