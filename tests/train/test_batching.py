"""Samples become batches, and it is known which is the last."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchpipe.errors import RunError
from torchpipe.train.batching import batches, counted, looked_ahead


class Samples:
    """Numbered samples, and how many were read."""

    def __init__(self, count: int):
        self.count, self.read = count, 0

    def __iter__(self) -> Iterator[tuple[int, str]]:
        for number in range(self.count):
            self.read += 1
            yield number, f"s{number}"


def made(groups):
    return [(batch.taken(), batch.number, batch.more) for batch in batches(groups, list)]


@given(count=st.integers(0, 20), size=st.integers(1, 6), drop_last=st.booleans())
def test_both_ways_to_know_the_last_batch_agree(count, size, drop_last):
    total = count // size if drop_last else -(-count // size)
    found = made(looked_ahead(iter(Samples(count)), size, drop_last))
    used = size * total if drop_last else count
    assert found == made(counted(iter(Samples(count)), size, used))
    assert len(found) == total
    assert [more for _, _, more in found] == [True] * (total - 1) + [False] * (total > 0)
    values = [value for batch, _, _ in found for value in batch]
    assert values == [f"s{number}" for number in range(len(values))]
    assert [number for _, number, _ in found] == [
        min(count, end) - 1 for end in range(size, size * total + 1, size)
    ]


def test_where_the_length_is_known_nothing_is_read_ahead():
    samples = Samples(10)
    groups = counted(iter(samples), 2, 10)
    next(groups)
    assert samples.read == 2


@pytest.mark.parametrize(("drop_last", "ahead"), [(False, 1), (True, 2)])
def test_where_it_is_not_known_only_what_tells_is_read_ahead(drop_last, ahead):
    samples = Samples(10)
    next(looked_ahead(iter(samples), 2, drop_last))
    assert samples.read == 2 + ahead


def test_the_rest_is_read_to_its_end():
    samples = Samples(7)
    assert len(made(counted(iter(samples), 2, 6))) == 3
    assert samples.read == 7


def test_a_batch_is_held_by_nobody_once_it_is_taken():
    [batch] = batches(looked_ahead(iter(Samples(1)), 1, drop_last=False), list)
    assert batch.taken() == ["s0"]
    assert batch.value is None


@pytest.mark.parametrize("grouped", [counted, looked_ahead])
def test_samples_are_let_go_with_their_batch(grouped):
    class Sample:
        pass

    made = [Sample() for _ in range(4)]
    alive = [weakref.ref(sample) for sample in made]
    samples = ((number, made.pop(0)) for number in range(4))
    batch = next(batches(grouped(samples, 2, 4), len))
    assert batch.value == 2
    assert [ref() is not None for ref in alive[:2]] == [False, False]


def test_fewer_samples_than_promised_are_an_error():
    with pytest.raises(RunError) as error:
        made(counted(iter(Samples(3)), 2, 6))
    assert str(error.value) == (
        "cannot make the next batch: 6 samples were to come, as the source had said, and it ended "
        "after 3. Mend its `__len__`."
    )
