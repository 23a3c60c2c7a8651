import threading

import pytest

from recipes.tracking.inputs.newest import Newest
from torchpipe.testing import Gate


def test_the_newest_item_wins_and_all_others_are_counted():
    passed, more = threading.Event(), threading.Event()

    def items():
        yield from (1, 2, 3, 4)
        passed.set()  # 4 was kept, as the thread is back here
        assert more.wait(10)
        yield 5

    drops = []
    with Newest(items(), lambda: drops.append(1)) as newest:
        assert passed.wait(10)
        stream = iter(newest)
        assert next(stream) == 4
        more.set()
        assert list(stream) == [5]
    assert len(drops) == 3


def test_whoever_asks_waits_for_the_next_item():
    gate = Gate()

    def items():
        for number in range(3):
            gate.hold(number)
            yield number

    with Newest(items(), lambda: pytest.fail("nothing is to be dropped")) as newest:
        stream = iter(newest)
        for number in range(3):
            gate.wait_until_inside(number)
            gate.open(number)
            assert next(stream) == number
        assert list(stream) == []


def test_an_error_comes_after_the_last_item():
    def items():
        yield 1
        raise ConnectionError("gone")

    with Newest(items(), lambda: None) as newest:
        stream = iter(newest)
        assert next(stream) == 1
        with pytest.raises(ConnectionError, match="gone"):
            next(stream)


def test_the_thread_ends_with_the_block_and_closes_what_it_read():
    closed = threading.Event()

    def items():
        try:
            while True:
                yield 1
        finally:
            closed.set()

    with Newest(items(), lambda: None) as newest:
        assert next(iter(newest)) == 1
    assert closed.is_set()
    assert "newest frame" not in {thread.name for thread in threading.enumerate()}
