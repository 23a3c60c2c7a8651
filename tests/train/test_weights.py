"""Training is the same to the last bit, whatever the clones, and with or without a break."""

from __future__ import annotations

import pytest

from tests.train.made import KINDS, same, sized
from tests.train.plain import Training


@pytest.mark.parametrize("make", KINDS)
def test_the_number_of_clones_does_not_change_the_weights(make):
    expected = Training(make(None, prefetch=0)).run()
    for clones in (1, 3):
        assert same(Training(make(clones)).run(), expected)


@pytest.mark.parametrize("make", KINDS)
def test_a_training_that_was_interrupted_gives_the_same_weights(make):
    unbroken = Training(make(1))
    expected = unbroken.run()
    for checkpoint in unbroken.checkpoints:
        assert same(Training(make(3), checkpoint).run(), expected)


def test_another_seed_gives_other_weights():
    assert not same(Training(sized()).run(), Training(sized(seed=6)).run())
