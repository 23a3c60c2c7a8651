"""The page of guarantees names tests that are there."""

from __future__ import annotations

import pytest

from tests.stress.promises import Promise, read_promises


def test_nine_promises_are_told():
    assert [promise.number for promise in read_promises()] == list(range(1, 10))


@pytest.mark.parametrize("promise", read_promises(), ids=lambda promise: promise.name)
def test_the_tests_of_a_promise_are_there(promise: Promise):
    assert promise.tests
    assert [place for place in promise.tests if not place.exists()] == []
