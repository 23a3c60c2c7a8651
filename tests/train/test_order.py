"""The order of the samples: shuffled by (seed, epoch), and by nothing else."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from torchpipe.errors import ParameterError
from torchpipe.train.order import Order


def read(order: Order, epoch: int, numbers: range | None = None) -> list[int]:
    return list(order.samples(epoch, range(len(order)) if numbers is None else numbers))


def test_samples_come_as_they_are():
    assert read(Order("abc", shuffle=False, seed=1), 5) == ["a", "b", "c"]


def test_each_epoch_and_each_seed_has_an_order_of_its_own():
    orders = [
        read(Order(range(50), shuffle=True, seed=seed), epoch)
        for seed in (0, 1)
        for epoch in (0, 1)
    ]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert len({tuple(order) for order in orders}) == 4
    assert read(Order(range(50), shuffle=True, seed=1), 0) == orders[2]


def test_any_part_of_an_epoch_can_be_read_alone():
    order = Order(range(20), shuffle=True, seed=3)
    whole = read(order, 4)
    assert read(order, 4, range(7, 20, 3)) == whole[7::3]


def test_beyond_its_end_an_epoch_starts_anew():
    order = Order(range(5), shuffle=True, seed=3)
    assert read(order, 0, range(3, 8)) == [*read(order, 0)[3:], *read(order, 0)[:3]]


def test_no_sample_is_read_before_its_turn():
    class Data(list[int]):
        read = 0

        def __getitem__(self, index):
            self.read += 1
            return super().__getitem__(index)

    data = Data(range(9))
    samples = Order(data, shuffle=True, seed=0).samples(0, range(9))
    next(samples)
    assert data.read == 1


def test_no_global_generator_is_used():
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    read(Order(range(9), shuffle=True, seed=0), 0)
    after = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
    assert after == states


def test_what_has_no_length_or_no_index_is_refused():
    with pytest.raises(ParameterError) as error:
        Order(iter("abc"), shuffle=False, seed=0)
    assert str(error.value) == (
        "cannot feed from a str_ascii_iterator: it has no __len__, and samples are read by index. "
        "Give a sequence or a map-style dataset, or a pipeline with a tp.Source of its own."
    ).replace("str_ascii_iterator", type(iter("abc")).__name__)
