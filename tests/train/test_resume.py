"""A feed goes on exactly where it was, after any batch, on any number of clones.

The intents are those of torchdata's `test_mp_every_n_steps`, `test_multi_epoch_sdl`,
`TestSnapshotEnd`, `test_map_iterrupted_shuffle`, `TestJsonSerDe` and `test_load_then_state`; of
Grain's `test_get_state_doesnt_start_prefetch`, `test_set_state_twice` and
`test_data_loader_sequential_checkpoint_restore_drift`; and of litdata's
`test_resumable_dataset_two_workers_2_epochs`.
"""

from __future__ import annotations

import io
import json
from contextlib import closing

import pytest
import torch

from tests.engine.made import torchpipe_threads
from tests.train.made import (
    KINDS,
    Noisy,
    Stream,
    Unsized,
    copying,
    same,
    sized,
    unsized,
    until,
)
from torchpipe.errors import RunError
from torchpipe.train import Feed

EPOCHS = 2


def uninterrupted(feed):
    """All batches, and the state before and after each of them."""
    states, batches = [feed.state_dict()], []
    with closing(feed):
        for batch in until(feed, EPOCHS):
            batches.append(batch)
            states.append(feed.state_dict())
    return batches, states


@pytest.mark.parametrize("clones", [(1, 3), (3, 1), (None, 2)])
@pytest.mark.parametrize("make", KINDS)
def test_resume_is_exact_at_every_batch_of_two_epochs(make, clones):
    before, after = clones
    batches, states = uninterrupted(make(before))
    assert len(batches) >= 2 * EPOCHS
    for done, state in enumerate(states):
        with make(after) as feed:
            feed.load_state_dict(json.loads(json.dumps(state)))
            assert same(list(until(feed, EPOCHS)), batches[done:])


@pytest.mark.parametrize("make", KINDS)
def test_saving_and_resuming_after_every_batch_does_not_drift(make):
    batches, states = uninterrupted(make())
    state, found = states[0], []
    for _ in batches:
        with make() as feed:
            feed.load_state_dict(state)
            found.append(next(iter(feed)))
            state = feed.state_dict()
    assert same(found, batches)
    assert state == states[-1]


@pytest.mark.parametrize("make", KINDS)
def test_the_state_after_the_last_batch_is_the_start_of_the_next_epoch(make):
    with make() as feed:
        start = feed.state_dict()
        last = [feed.state_dict() for _ in feed][-1]
        assert last == feed.state_dict() == {**start, "epoch": 1}
    with make() as feed:
        feed.load_state_dict(last)
        assert next(iter(feed)) is not None
        assert feed.epoch == 1


@pytest.mark.parametrize("make", KINDS)
def test_a_loaded_state_is_the_state(make):
    _, states = uninterrupted(make())
    with make() as feed:
        for state in states:
            feed.load_state_dict(state)
            assert feed.state_dict() == feed.state_dict() == state


def test_of_two_loaded_states_the_second_counts():
    batches, states = uninterrupted(sized())
    with sized() as feed:
        feed.load_state_dict(states[4])
        feed.load_state_dict(states[1])
        assert same(list(until(feed, EPOCHS)), batches[1:])


def test_a_state_can_be_loaded_into_a_feed_that_is_in_motion():
    batches, states = uninterrupted(unsized())
    with unsized() as feed:
        running = iter(feed)
        next(running)
        feed.load_state_dict(states[2])
        assert same(list(until(feed, EPOCHS)), batches[2:])


def test_asking_for_the_state_starts_nothing():
    feed = sized()
    assert feed.state_dict()["position"] == 0
    assert torchpipe_threads() == []
    iterator = iter(feed)
    assert feed.state_dict()["position"] == 0
    assert torchpipe_threads() == []
    del iterator


@pytest.mark.parametrize("prefetch", [0, 1, 5])
def test_what_is_made_ahead_does_not_count(prefetch):
    batches, states = uninterrupted(unsized(prefetch=prefetch))
    assert [state["position"] for state in states] == [0, 3, 6, 0, 3, 6, 0]
    with unsized(prefetch=2) as feed:
        feed.load_state_dict(states[1])
        assert same(list(until(feed, EPOCHS)), batches[1:])


def test_a_state_may_be_resumed_with_other_batches():
    _, states = uninterrupted(sized())
    with sized(batch_size=1) as feed:
        whole = list(feed)
    with sized(batch_size=2) as feed:
        feed.load_state_dict(states[1])
        assert torch.equal(torch.cat(list(feed)), torch.cat(whole[3:]))
        assert feed.epoch == 1


def test_the_length_is_that_of_the_whole_epoch():
    _, states = uninterrupted(sized())
    with sized() as feed:
        feed.load_state_dict(states[1])
        assert len(feed) == 3
        assert [len(feed) for _ in feed] == [3, 3]
        assert len(feed) == 3


def test_a_state_is_numbers_and_truth_values_only():
    _, states = uninterrupted(copying())
    for state in states:
        saved = io.BytesIO()
        torch.save(state, saved)
        saved.seek(0)
        assert torch.load(saved, weights_only=True) == state


def test_the_state_of_a_feed_with_other_samples_is_refused():
    state = sized().state_dict()
    for name, options in {
        "seed": {"seed": 6},
        "shuffle": {"shuffle": False},
        "length": {"data": range(9)},
    }.items():
        with pytest.raises(RunError, match=f"cannot go on from a state with {name}="):
            sized(**options).load_state_dict(state)


def test_a_source_that_can_jump_is_told_where_to():
    class Jumps(Unsized):
        def seek(self, epoch: int, item: int) -> bool:
            told.append((epoch, item))
            self.first = item
            return True

        def forward(self):
            yield from range(getattr(self, "first", 0), self.count)
            self.first = 0

    told = []
    feed = Feed(Stream(2, Jumps(), Noisy()), batch_size=3, seed=5)
    batches, states = uninterrupted(feed)
    told.clear()
    with Feed(Stream(2, Jumps(), Noisy()), batch_size=3, seed=5) as feed:
        feed.load_state_dict(states[4])
        assert same(list(feed), batches[4:])
    assert told == [(1, 3)]
