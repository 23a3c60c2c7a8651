"""What a training loop gets of a feed."""

from __future__ import annotations

import pickle
import random
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

import torchpipe as tp
from tests.engine.made import torchpipe_threads
from tests.train.made import (
    KINDS,
    SAMPLES,
    Noisy,
    Sample,
    Stream,
    Thirds,
    dropping,
    known,
    ready,
    same,
    scaled,
    sized,
    unsized,
    until,
)
from torchpipe.errors import CheckError, ParameterError, RunError
from torchpipe.testing import Recorder
from torchpipe.train import Feed


def numbers(feed: Feed) -> list[list[int]]:
    """The numbers in the batches of an epoch."""
    return [batch[:, 0].int().tolist() for batch in feed]


def test_a_dataset_comes_in_batches():
    with sized(shuffle=False) as feed:
        assert numbers(feed) == [[0, 1, 2], [3, 4, 5], [6]]


def test_each_epoch_is_shuffled_anew_and_whole():
    with sized() as feed:
        epochs = [torch.cat(list(feed))[:, 0].tolist() for _ in range(3)]
    assert all(sorted(epoch) == list(range(SAMPLES)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    with sized() as feed:
        assert [torch.cat(list(feed))[:, 0].tolist() for _ in range(3)] == epochs


@pytest.mark.parametrize("make", KINDS)
def test_clones_and_prefetching_change_nothing(make):
    with make(None, prefetch=0) as feed:
        expected = list(until(feed, 2))
    for clones, prefetch, window in ((1, 2, None), (3, 0, 1), (4, 5, 2)):
        with make(clones, prefetch=prefetch, window=window) as feed:
            assert same(list(until(feed, 2)), expected)


def test_a_seed_is_that_of_the_sample_in_the_pipeline_alone():
    with unsized(batch_size=1) as feed, Stream().run(seed=5) as run:
        assert same([batch[0] for batch in feed], list(run))


def test_the_last_smaller_batch_may_be_left_out():
    for make in (sized, unsized, known):
        with make(drop_last=True) as feed:
            assert [len(batch) for batch in feed] == [3, 3]
    assert len(sized(drop_last=True)) == 2


def test_the_length_is_exact_where_it_is_known():
    for make in (sized, known):
        for options in ({}, {"batch_size": 7}, {"batch_size": 8}, {"batch_size": 4}):
            with make(**options) as feed:
                assert len(feed) == len(list(feed)) == len(list(feed))
    assert len(Feed(Sample(), range(5))) == 5


@pytest.mark.parametrize("make", [unsized, dropping, ready])
def test_it_is_a_type_error_where_it_is_not(make):
    with pytest.raises(TypeError) as error:
        len(make())
    assert str(error.value) == (
        "the length of this feed is not known before its epoch ends: a source does not tell how "
        "many samples it gives, or cells may drop some, or number them anew."
    )


def test_a_cell_that_may_skip_samples_makes_the_length_unknown():
    def length(on_error):
        return len(Feed(tp.cell(on_error=on_error)(abs), range(3), batch_size=1))

    assert length("raise") == length(tp.Retry(2)) == 3
    for on_error in ("skip", tp.Skip(1), tp.Retry(2, then="skip")):
        with pytest.raises(TypeError):
            length(on_error)


def test_an_iterator_does_nothing_before_its_first_batch():
    recorder = Recorder()
    feed = Feed(scaled(recorder, 2), range(3), batch_size=1, collate=list)
    iter(feed)
    iterator = iter(feed)
    assert recorder.events == []
    assert torchpipe_threads() == []
    assert feed.epoch == 0
    with feed:
        assert list(iterator) == [[0], [1], [2]]


def test_an_epoch_counts_when_it_starts():
    with sized() as feed:
        for epoch in range(3):
            assert feed.epoch == epoch
            for _ in feed:
                assert feed.epoch == epoch
        assert feed.epoch == 3


def test_an_epoch_that_was_left_counts_too():
    with sized() as feed:
        whole = list(until(feed, 3))
    with sized() as feed:
        for epoch in range(3):
            first = next(iter(feed))
            assert torch.equal(first, whole[3 * epoch])
            assert (feed.epoch, feed.position) == (epoch, 3)


def test_the_position_counts_samples():
    with sized() as feed:
        assert [feed.position for _ in feed] == [3, 6, 7]
        assert feed.position == 0


def test_dropped_samples_count_too():
    with dropping(shuffle=False) as feed:
        found = [(batch[-1, 0].item(), feed.position) for batch in feed]
    assert found == [(3, 4), (8, 9), (12, 13)]


def test_the_epoch_can_be_set():
    with sized() as feed:
        epochs = [list(feed) for _ in range(3)]
        feed.set_epoch(1)
        assert feed.state_dict()["epoch"] == feed.epoch == 1
        assert same(list(feed), epochs[1])
        next(iter(feed))
        feed.set_epoch(0)
        assert same(list(feed), epochs[0])


def test_setting_the_epoch_keeps_a_place_that_was_loaded_in_it():
    with sized() as feed:
        whole = list(feed)
    with sized() as feed:
        feed.load_state_dict({**feed.state_dict(), "position": 3, "batch": 1})
        feed.set_epoch(0)
        assert same(list(feed), whole[1:])


def test_setting_the_epoch_in_a_loop_is_for_the_next_one():
    with sized() as feed:
        for _ in feed:
            feed.set_epoch(4)
            assert feed.epoch == 0
        assert feed.epoch == 4


def test_another_loop_ends_the_one_before():
    with sized() as feed:
        old = iter(feed)
        next(old)
        new = iter(feed)
        assert next(new) is not None
        with pytest.raises(RunError) as error:
            next(old)
        assert str(error.value) == (
            "cannot go on with this loop: the feed was closed, or sent elsewhere, or another loop "
            "over it has begun. Make one feed for each loop that runs at the same time."
        )
        assert len(list(new)) == 2
        assert list(old) == []


def test_dropping_an_old_iterator_does_not_disturb_the_new_one():
    with sized() as feed:
        old = iter(feed)
        next(old)
        new = iter(feed)
        next(new)
        del old
        assert len(list(new)) == 2


def test_the_pipeline_may_make_the_batches():
    with ready() as feed:
        assert [batch.shape for batch in feed] == [(3, 2), (3, 2), (1, 2)]


def test_batches_are_collated_as_by_a_dataloader():
    class Both(NamedTuple):
        image: Tensor
        label: int

    pair = tp.cell(lambda number: Both(torch.full((2,), number), number))
    with Feed(pair, range(4), batch_size=2) as feed:
        first = next(iter(feed))
    assert isinstance(first, Both)
    assert first.image.tolist() == [[0, 0], [1, 1]]
    assert first.label.tolist() == [0, 1]


def test_they_may_be_collated_in_another_way():
    with Feed(tp.cell(lambda number: str(number)), range(3), batch_size=2, collate="".join) as feed:
        assert list(feed) == ["01", "2"]


def test_a_pipeline_with_several_inputs_takes_tuples_or_dicts():
    class Sum(tp.Pipeline):
        def __init__(self):
            self.add = tp.ScaleUp(tp.cell(lambda a, b: a + b), clones=2)

        def build(self, a, b):
            return self.add(a, b)

    data = [(1, 2), {"a": 3, "b": 4}]
    with Feed(Sum(), data, batch_size=2, collate=list) as feed:
        assert list(feed) == [[3, 7]]


def test_a_batch_goes_to_the_device_as_it_is_built():
    parts = tp.cell(lambda number: {"x": torch.ones(2), "name": str(number)})
    for prefetch in (0, 2):
        with Feed(parts, range(2), batch_size=2, device="meta", prefetch=prefetch) as feed:
            [batch] = feed
            assert batch["x"].device.type == "meta"
            assert batch["x"].shape == (2, 2)
            assert batch["name"] == ["0", "1"]


def test_a_feed_has_one_stream_of_copies_for_all_epochs():
    with sized(device="meta") as feed:
        next(iter(feed))
        transfer = feed._making._transfer
        assert len(list(feed)) == 3
        assert feed._making._transfer is transfer


def test_no_global_randomness_is_used_or_changed():
    def states():
        return random.getstate(), repr(np.random.get_state()), torch.get_rng_state().tolist()

    before = states()
    with sized() as feed:
        list(feed)
        list(feed.as_dataloader())
    assert states() == before


def test_a_feed_can_be_sent_to_another_process():
    feed = Feed(tp.ScaleUp(Noisy(), 2), range(SAMPLES), batch_size=3, shuffle=True, seed=5)
    with sized() as other:
        whole = list(until(other, 2))
    with feed:
        next(iter(feed))
        copy = pickle.loads(pickle.dumps(feed))
    with copy:
        assert copy.state_dict() == feed.state_dict()
        assert same(list(copy), whole[3:])


def test_the_run_behind_can_be_watched_and_scaled():
    with sized(1, batch_size=1) as feed:
        assert feed.run is feed.run
        feed.run.scale("noisy", 3)
        assert len(list(feed)) == SAMPLES
        assert sum(clone.items for clone in feed.run.statistics() if clone.scaled) == SAMPLES


def test_the_window_bounds_what_is_in_flight():
    with sized(window=1) as feed:
        assert feed.run.window == 1
        assert len(list(feed)) == 3


# -- what does not go together


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: Feed(Sample()),
            "cannot feed from Sample: it is open, and there is nothing to give to its inputs "
            "(number). Give data=..., or connect a source to them.",
        ),
        (
            lambda: Feed(Stream(), range(3)),
            "cannot give data to Stream: it has sources of its own. Leave data out, or give its "
            "`build` an argument.",
        ),
        (
            lambda: Feed(Stream(), shuffle=True),
            "cannot shuffle what Stream gives: its sources decide on the order. Give its `build` "
            "an argument and the samples as data=..., or shuffle in the source.",
        ),
        (
            lambda: Feed([1, 2]),
            "cannot feed from [1, 2]: a pipeline or a cell is expected. Wrap a function: "
            "tp.cell(...), and give the samples as data=...",
        ),
        (
            lambda: Feed(Noisy(), range(3), collate=list),
            "cannot collate: without a batch_size the pipeline makes the batches. Give "
            "batch_size, or use tp.Batch(size, collate=...) in the pipeline.",
        ),
        (
            lambda: Feed(Noisy(), range(3), prefetch=-1),
            "cannot make -1 batches ahead: prefetch must be at least 0.",
        ),
        (
            lambda: Feed(Sample(before=Thirds()), range(3), uneven="pad"),
            "cannot pad what Sample gives: only samples of data=... whose number is known can be "
            "repeated. Use uneven='drop' or 'error'.",
        ),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(make, text):
    with pytest.raises(ParameterError) as error:
        make()
    assert str(error.value) == text


def test_a_pipeline_that_cannot_run_is_refused_at_once():
    with pytest.raises(CheckError, match="stateful"):
        Feed(tp.ScaleUp(tp.Delay(1), 2), range(3))


def test_an_error_of_collate_tells_the_batch():
    def fails(values):
        if 3 in values:
            raise ValueError("no")
        return values

    feed = Feed(tp.cell(lambda x: x), range(6), batch_size=2, collate=fails)
    with feed, pytest.raises(ValueError, match="no") as error:
        list(feed)
    assert error.value.__notes__ == ["in the collate of batch 1, samples 2 to 3"]


def test_a_feed_of_a_cell_is_called_as_the_cell():
    with pytest.raises(ParameterError, match=r"^cannot feed from Thirds: it is open"):
        Feed(Thirds())


def test_a_feed_shows_its_pipeline_state_and_epoch():
    with Feed(Stream()) as feed:
        assert repr(feed) == "<Feed of Stream, at rest, epoch 0>"
        next(iter(feed))
        assert repr(feed) == "<Feed of Stream, running, epoch 0>"
