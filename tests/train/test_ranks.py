"""Several ranks share the samples, and another number of ranks goes on where they stopped.

The intents are those of Grain's `test_elastic_downsize` and `test_elastic_upsize`.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any

import pytest
from torch import Tensor

from tests.train.made import (
    Stream,
    Unsized,
    copying,
    known,
    remembering,
    same,
    sized,
    unsized,
    until,
)
from torchpipe.errors import ParameterError, RunError
from torchpipe.train import Feed


def even(clones: Any = 2, **options: Any) -> Feed:
    """A stream of unknown length, which happens to be one that two or three ranks can share."""
    return Feed(Stream(clones, Unsized(12)), **{"seed": 5, **options})


MAKES = [sized, known, even]


def feeds(make, world, **options) -> list[Feed]:
    """A feed for each rank."""
    return [make(rank=rank, world=world, **options) for rank in range(world)]


class Ranks:
    """Feeds in step, one for each rank, and the samples that all of them give."""

    def __init__(self, make, world, state=None, **options):
        self.feeds = feeds(make, world, **options)
        for feed in self.feeds:
            if state is not None:
                feed.load_state_dict(state)
        self.samples: list[Tensor] = []

    def __enter__(self):
        self._stack = ExitStack()
        for feed in self.feeds:
            self._stack.enter_context(feed)
        return self

    def __exit__(self, *error):
        self._stack.close()

    def steps(self, count: int) -> None:
        """Take so many batches of the epoch."""
        iterators = [iter(feed) for feed in self.feeds]
        for _ in range(count):
            self._take([next(iterator) for iterator in iterators])

    def epoch(self) -> list[Tensor]:
        """The samples up to the end of the epoch, in the order of their numbers."""
        self.samples = []
        told = self.feeds[0].state_dict()["length"] is not None
        for batches in zip(*self.feeds, strict=told):  # else they end where the first one does
            self._take(list(batches))
        return self.samples

    def _take(self, batches: list[Tensor]) -> None:
        """Of each `world` samples in a row, every rank has one."""
        assert len({len(batch) for batch in batches}) == 1
        for samples in zip(*batches, strict=True):
            self.samples += samples

    @property
    def state(self):
        """The state, which all ranks agree on."""
        states = [feed.state_dict() for feed in self.feeds]
        assert all(state == states[0] for state in states)
        return states[0]


@pytest.mark.parametrize("world", [2, 3])
@pytest.mark.parametrize("make", MAKES)
def test_the_ranks_share_what_one_alone_would_give(make, world):
    with make(batch_size=1) as feed:
        whole = [batch[0] for batch in feed]
    with Ranks(make, world, batch_size=2) as ranks:
        assert same(ranks.epoch(), whole[: len(whole) // world * world])


@pytest.mark.parametrize(("before", "after"), [(2, 1), (1, 2), (3, 2), (2, 3)])
@pytest.mark.parametrize("make", MAKES)
def test_another_number_of_ranks_goes_on_exactly(make, before, after):
    with make(batch_size=1) as feed:
        first = [batch[0] for batch in feed]
        second = [batch[0] for batch in feed]
    for done in range(len(first) // before + 1):
        with Ranks(make, before, batch_size=1) as ranks:
            ranks.steps(done)
            state = ranks.state
        with Ranks(make, after, state, batch_size=1) as ranks:
            if state["epoch"] == 0:
                left = len(first) - state["position"]
                assert same(ranks.epoch(), first[-left:][: left // after * after])
            assert same(ranks.epoch(), second[: len(second) // after * after])


def test_an_epoch_that_goes_on_with_other_ranks_has_a_length_of_its_own():
    with sized(rank=0, world=2, batch_size=1) as feed:
        next(iter(feed))
        state = feed.state_dict()
    with sized(batch_size=1) as feed:
        feed.load_state_dict(state)
        assert len(feed) == 1 + 5
        lengths = [len(feed) for _ in feed]
        assert lengths == [6, 6, 6, 6, 7]  # with the last batch, the next epoch is meant
        assert len(feed) == 7


def test_padded_ranks_repeat_the_start_of_the_epoch():
    with sized(batch_size=1) as feed:
        numbers = [batch[0, 0] for batch in feed]
    with Ranks(sized, 3, batch_size=1, uneven="pad") as ranks:
        assert [sample[0] for sample in ranks.epoch()] == [*numbers, *numbers[:2]]


def test_samples_that_cannot_be_shared_evenly_can_be_an_error():
    for feed in feeds(sized, 2, uneven="error"):
        with feed, pytest.raises(RunError, match="cannot share 7 samples evenly among 2 ranks"):
            list(feed)
    for feed in feeds(sized, 7, uneven="error"):
        with feed:
            assert len(list(feed)) == len(feed) == 1


def test_the_length_is_that_of_one_rank():
    assert [len(feed) for feed in feeds(sized, 2, batch_size=1)] == [3, 3]
    assert [len(feed) for feed in feeds(sized, 2, batch_size=1, uneven="pad")] == [4, 4]
    assert [len(feed) for feed in feeds(sized, 2, batch_size=2, drop_last=True)] == [1, 1]


@pytest.mark.parametrize("make", [remembering, copying])
def test_ranks_of_streams_that_cannot_be_entered_go_on_where_they_were(make):
    for rank in range(2):
        with make(rank=rank, world=2, batch_size=1) as feed:
            states, batches = [feed.state_dict()], []
            for batch in until(feed, 2):
                batches.append(batch)
                states.append(feed.state_dict())
        for done, state in enumerate(states):
            with make(3, rank=rank, world=2, batch_size=1) as feed:
                feed.load_state_dict(state)
                assert same(list(until(feed, 2)), batches[done:])


def test_they_refuse_another_number_of_ranks():
    with remembering(rank=0, world=2) as feed:
        next(iter(feed))
        state = feed.state_dict()
    with remembering() as feed:
        feed.load_state_dict(state)
        with pytest.raises(RunError, match="cannot go on at sample 6 of epoch 0 with 1 ranks"):
            next(iter(feed))


def test_only_samples_that_can_be_read_again_are_padded():
    for make in (unsized, known):
        with pytest.raises(ParameterError) as error:
            make(uneven="pad")
        assert str(error.value) == (
            "cannot pad what Stream gives: only samples of data=... whose number is known can be "
            "repeated. Use uneven='drop' or 'error'."
        )
