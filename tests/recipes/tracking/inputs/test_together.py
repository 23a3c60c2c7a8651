import threading

import pytest

from recipes.tracking.inputs.together import Together, in_turn
from torchpipe.testing import Gate


def gated(gate, *numbers):
    """Numbers, each as soon as the gate lets it go."""
    for number in numbers:
        gate.hold(number)
        yield number


def test_streams_take_turns_until_all_have_ended():
    assert list(in_turn([[1, 2, 3], [], [4], iter([5, 6])])) == [
        (0, 1),
        (2, 4),
        (3, 5),
        (0, 2),
        (3, 6),
        (0, 3),
    ]


def test_a_stream_that_is_not_asked_is_not_read():
    read = iter([1, 2, 3])
    turns = in_turn([read, [7, 8]])
    assert [next(turns) for _ in range(3)] == [(0, 1), (1, 7), (0, 2)]
    assert next(read) == 3


def test_whoever_has_something_is_next():
    gate = Gate()
    with Together([gated(gate, 1, 2), gated(gate, 11, 12)]) as together:
        stream = iter(together)
        for number in (11, 12, 1, 2):
            gate.wait_until_inside(number)
            gate.open(number)
            assert next(stream) == (number > 10, number)
        assert list(stream) == []


def test_if_several_have_something_the_one_that_was_given_last_comes_last():
    there, asked, kept = threading.Barrier(3), threading.Event(), threading.Event()

    def quick():
        yield 1
        there.wait(10)  # whoever is asked for one more has got rid of the last
        assert asked.wait(10)
        yield 2
        kept.set()

    def slow():
        yield 9
        there.wait(10)

    with Together([quick(), slow()], [lambda: None] * 2) as together:
        stream = iter(together)
        there.wait(10)
        assert next(stream) == (0, 1)
        asked.set()
        assert kept.wait(10)
        assert list(stream) == [(1, 9), (0, 2)]


def test_nothing_is_lost_without_on_drop():
    streams = [range(100), range(100, 150), []]
    with Together(streams) as together:
        found = list(together)
    for number, stream in enumerate(streams):
        assert [item for which, item in found if which == number] == list(stream)


def test_what_is_dropped_is_told_to_the_stream_that_it_is_of():
    read, drops = threading.Event(), []

    def quick():
        yield from (1, 2, 3)
        read.set()

    told = [lambda: drops.append("quick"), lambda: drops.append("slow")]
    with Together([quick(), [9]], told) as together:
        assert read.wait(10)
        assert sorted(together) == [(0, 3), (1, 9)]
    assert drops == ["quick", "quick"]


def test_an_error_of_a_stream_comes_after_its_last_item_though_others_go_on():
    gate = Gate()

    def broken():
        yield 1
        raise ConnectionError("gone")

    with Together([broken(), gated(gate, 2)]) as together:
        stream = iter(together)
        assert next(stream) == (0, 1)
        with pytest.raises(ConnectionError, match="gone"):
            next(stream)
        gate.open()


def test_the_threads_end_with_the_block_though_nobody_asked_for_what_they_read():
    closed = []

    def endless(name):
        try:
            while True:
                yield name
        finally:
            closed.append(name)

    with Together([endless("a"), endless("b")]) as together:
        next(iter(together))
    assert sorted(closed) == ["a", "b"]
    assert "newest frame" not in {thread.name for thread in threading.enumerate()}
