"""Guarantee 7 for training: saved after any step, it goes on as if nothing had happened."""

from functools import partial
from itertools import islice

import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

import torchpipe as tp
from tests.train.learning import ADAM, SQUARES, Training, network, pairs, same, weights
from tests.train.test_fabric import Regression

STEPS = 2 * len(pairs())
warm_restarts = partial(torch.optim.lr_scheduler.CosineAnnealingWarmRestarts, T_0=5)


def plain(net):
    return tp.TrainStep(net, SQUARES, ADAM, scheduler=warm_restarts)


def with_a_clone(net):
    return tp.ScaleUp(plain(net), 1)


def by_lightning(net):
    module = Regression(lambda made: ([made], [warm_restarts(made)]))
    module.net = net
    return tp.TrainStep(module)


def losses(run, count):
    """The losses of the next steps, epoch after epoch."""
    found = []
    while len(found) < count:
        found += [step.loss.item() for step in islice(run, count - len(found))]
    return found


def unbroken(make):
    net = network(dropout=0.5)
    with Training(make(net), clones=2).run(seed=3) as run:
        return losses(run, STEPS), weights(net)


@pytest.mark.parametrize("clones", [(1, 3), (3, 1)], ids=["1 to 3", "3 to 1"])
@pytest.mark.parametrize("make", [plain, with_a_clone, by_lightning])
def test_a_training_goes_on_at_every_step_on_other_clones(make, clones, tmp_path):
    expected, learned = unbroken(make)
    for done in range(STEPS + 1):
        path = tmp_path / f"{done}.run"
        with Training(make(network(dropout=0.5)), clones=clones[0]).run(seed=3) as run:
            found = losses(run, done)
            run.save(path)
        net = network(dropout=0.5)
        with Training(make(net), clones=clones[1]).run(seed=3) as run:
            run.load(path)
            found += losses(run, STEPS - done)
            if make is not with_a_clone:  # which may be a step ahead
                assert same(weights(net), learned)
        assert found == expected


def test_a_training_goes_back_to_where_it_was_saved(tmp_path):
    net = network(dropout=0.5)
    with Training(plain(net), clones=2).run(seed=3) as run:
        losses(run, 4)
        run.save(tmp_path / "a.run")
        expected, learned = losses(run, 5), weights(net)
        run.load(tmp_path / "a.run")
        assert losses(run, 5) == expected
        assert same(weights(net), learned)


def test_a_learning_rate_that_was_set_is_saved(tmp_path):
    with Training(plain(network())).run() as run:
        losses(run, 2)
        run.set("step.learning_rate", 0.5)
        run.save(tmp_path / "a.run")
        expected = losses(run, 4)
    with Training(plain(network())).run() as run:
        run.load(tmp_path / "a.run")
        assert losses(run, 4) == expected


class Loaded(tp.Pipeline):
    """Batches from a DataLoader that shuffles."""

    def __init__(self, net):
        super().__init__()
        x, y = (torch.cat(parts) for parts in zip(*pairs(), strict=True))
        loader = DataLoader(TensorDataset(x, y), batch_size=4, shuffle=True)
        self.source = tp.DataLoaderSource(loader, ports=("x", "y"))
        self.step = plain(net)
        self.evaluate = tp.Evaluate(net, {"error": SQUARES})
        self.last = tp.Collect()

    def build(self):
        x, y = self.source()
        self.last(self.evaluate(x, y))
        return self.step(x, y)


def test_what_a_loader_gives_and_an_evaluation_has_seen_goes_on_too(tmp_path):
    def rest(run, pipeline, count):
        return losses(run, count), [*run], pipeline.last.items

    pipeline = Loaded(network())
    with pipeline.run(seed=3) as run:
        losses(run, 8)
        expected = rest(run, pipeline, 1)
    broken = Loaded(network())
    with broken.run(seed=3) as run:
        losses(run, 8)
        run.save(tmp_path / "a.run")
    resumed = Loaded(network())
    with resumed.run(seed=3) as run:
        run.load(tmp_path / "a.run")
        assert rest(run, resumed, 1) == expected
