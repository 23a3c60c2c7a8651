"""Feeds whose clones are Ray actors: the same samples, seeds, weights and positions."""

from __future__ import annotations

import pytest

import torchpipe as tp
from tests.train.made import copying, same, sized, unsized, until
from tests.train.plain import Training

EPOCHS = 2

pytestmark = pytest.mark.usefixtures("cluster")


def remote(count: int) -> list[tp.RayClone]:
    return [tp.RayClone(num_cpus=1) for _ in range(count)]


@pytest.mark.parametrize("make", [sized, copying])
def test_threads_and_processes_give_the_same_weights(make):
    assert same(Training(make(remote(2))).run(), Training(make(1)).run())


def test_a_training_goes_on_exactly_in_other_processes():
    unbroken = Training(unsized(1))
    expected = unbroken.run()
    mixed = [tp.ThreadClone(), *remote(1)]
    assert same(Training(unsized(mixed), unbroken.checkpoints[3]).run(), expected)


@pytest.mark.parametrize(
    ("make", "before", "after"), [(sized, 1, remote(2)), (unsized, remote(2), 3)]
)
def test_resume_is_exact_at_every_batch_from_threads_to_processes_and_back(make, before, after):
    batches, states = [], []
    with make(before) as feed:
        states.append(feed.state_dict())
        for batch in until(feed, EPOCHS):
            batches.append(batch)
            states.append(feed.state_dict())
    with make(after) as feed:  # one set of clones for all
        for done, state in enumerate(states):
            feed.load_state_dict(state)
            assert same(list(until(feed, EPOCHS)), batches[done:])


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore:.*LeafSpec.*:FutureWarning")
def test_lightning_goes_on_exactly_in_processes(tmp_path):
    pytest.importorskip("lightning.pytorch")
    from tests.train.fitting import Learner, same_weights, saving, trainer
    from torchpipe.train import FeedDataModule

    unbroken, again = Learner(), Learner()
    trainer(EPOCHS, **saving(tmp_path)).fit(unbroken, datamodule=FeedDataModule(unsized(1)))
    path = str(tmp_path / "4.ckpt")
    trainer(EPOCHS).fit(again, datamodule=FeedDataModule(unsized(remote(2))), ckpt_path=path)
    assert same(again.seen, unbroken.seen[4:])
    assert same_weights(again, unbroken)
