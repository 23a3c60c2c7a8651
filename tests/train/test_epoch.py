"""Arithmetic: which samples are whose, how many batches they make, and where that leads."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchpipe.errors import ParameterError, RunError, StateError
from torchpipe.train.epoch import Epoch
from torchpipe.train.position import Position, position_of
from torchpipe.train.shard import Shard, Sharing, current_shard

SIGNATURE = {"seed": 0}


def epoch(length, rank=0, world=1, *, size=1, drop_last=False, uneven="drop", start=None):
    sharing = Sharing(size, drop_last, uneven)
    return Epoch(start or Position(), Shard(rank, world), sharing, length, seekable=True)


def numbers(epoch: Epoch) -> list[int]:
    """The samples that this rank uses."""
    assert epoch.stop is not None
    return list(range(epoch.number, epoch.stop, epoch.shard.world))


@given(
    length=st.integers(0, 50), world=st.integers(1, 5), size=st.integers(1, 7), last=st.booleans()
)
def test_ranks_get_equally_many_samples_and_no_sample_twice(length, world, size, last):
    ranks = [epoch(length, rank, world, size=size, drop_last=last) for rank in range(world)]
    assert len({rank.batches for rank in ranks}) == len({len(numbers(rank)) for rank in ranks}) == 1
    used = sorted(number for rank in ranks for number in numbers(rank))
    assert used == list(range(len(used)))
    left = length - len(used)
    assert left < (world * size if last else world)


@given(length=st.integers(0, 50), world=st.integers(1, 5))
def test_padded_ranks_use_every_sample_and_few_twice(length, world):
    ranks = [epoch(length, rank, world, uneven="pad") for rank in range(world)]
    assert len({len(numbers(rank)) for rank in ranks}) == 1
    used = sorted(number for rank in ranks for number in numbers(rank))
    assert used == list(range(len(used)))
    assert 0 <= len(used) - length < world


@given(
    length=st.integers(0, 60),
    size=st.integers(1, 4),
    worlds=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    done=st.integers(0, 8),
)
def test_what_one_number_of_ranks_left_another_one_uses(length, size, worlds, done):
    before, after = worlds
    position = Position()
    for _ in range(min(done, epoch(length, 0, before, size=size).batches)):
        rest = epoch(length, 0, before, size=size, start=position)
        taken = numbers(rest)[:size]
        position = rest.passed(position, rest.in_step(rest.after(taken[-1])))
    ranks = [epoch(length, rank, after, size=size, start=position) for rank in range(after)]
    used = sorted(number for rank in ranks for number in numbers(rank))
    assert used == list(range(position.sample, position.sample + len(used)))
    assert max(0, length - position.sample) - len(used) < after


def test_an_uneven_number_of_samples_can_be_an_error():
    assert epoch(6, 0, 2, uneven="error").batches == 3
    with pytest.raises(RunError) as error:
        _ = epoch(7, 0, 2, uneven="error").batches
    assert str(error.value) == (
        "cannot share 7 samples evenly among 2 ranks: 1 would be left over. Use uneven='drop' to "
        "leave them out, or 'pad' to repeat some."
    )


def test_an_epoch_of_unknown_length_has_no_number_of_batches():
    assert epoch(None).batches is None
    assert epoch(None).stop is None


def test_ranks_that_are_in_step_are_one_number():
    position = Position(2).passed((6, 7, 8))
    assert position == Position(2, sample=6, batch=1)
    assert position.of_rank(1, 2, otherwise=7) == 7


def test_ranks_that_are_not_in_step_go_on_as_they_were():
    position = Position(2, batch=4).passed((9, 6))
    assert position == Position(2, sample=6, batch=5, ranks=(9, 6))
    assert [position.of_rank(rank, 2, otherwise=0) for rank in range(2)] == [9, 6]
    with pytest.raises(RunError) as error:
        position.of_rank(0, 3, otherwise=0)
    assert str(error.value) == (
        "cannot go on at sample 6 of epoch 2 with 3 ranks: the state was saved by 2 that had come "
        "to different places, as samples were dropped, or as cells number them anew or remember "
        "them. Go on with 2 ranks, or from the end of an epoch."
    )


def test_a_position_is_what_its_state_tells():
    for position in (Position(), Position(3, 12, 2), Position(1, 6, 3, (9, 6))):
        assert position_of({**position.state(), **SIGNATURE}, SIGNATURE) == position
    assert Position(3, 12, 2, (9, 6)).after == Position(4)


def test_what_is_no_state_is_refused():
    with pytest.raises(StateError) as error:
        position_of({"epoch": 1}, SIGNATURE)
    assert str(error.value) == (
        "cannot load the state of a feed from {'epoch': 1}: 'position' is missing. Give "
        "what `state_dict` of a feed returned."
    )


def test_the_state_of_another_feed_is_refused():
    with pytest.raises(StateError) as error:
        position_of({**Position().state(), "seed": 3}, SIGNATURE)
    assert str(error.value) == (
        "cannot go on from a state with seed=3: this feed has seed=0, so it gives other samples. "
        "Make the feed as it was then."
    )


@pytest.mark.parametrize(("rank", "world"), [(0, None), (None, 2), (2, 2), (-1, 2), (0, 0)])
def test_a_rank_that_cannot_be_is_refused(rank, world):
    with pytest.raises(ParameterError) as error:
        current_shard(rank, world)
    assert str(error.value) == (
        f"cannot feed rank {rank} of {world}: give both, with 0 <= rank < world, or neither, to "
        f"ask torch.distributed when an epoch starts."
    )


def test_batches_that_cannot_be_are_refused():
    with pytest.raises(ParameterError, match="cannot make batches of 0 samples"):
        Sharing(0, drop_last=False, uneven="drop")
    with pytest.raises(ParameterError, match="cannot drop the last batch: without a batch_size"):
        Sharing(None, drop_last=True, uneven="drop")
    with pytest.raises(ParameterError, match="uneven='fair': it must be 'drop', 'pad' or 'error'"):
        Sharing(1, drop_last=False, uneven="fair")
