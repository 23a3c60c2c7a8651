"""Training steps behind Ray clones, and on one: the weights are those of thread clones."""

import pytest
import torch

import torchpipe as tp
from tests.train.learning import ADAM, SQUARES, Training, network, same, trained, weights
from tests.train.test_saved import losses, plain

RAY = [tp.RayClone(num_cpus=1)] * 2


@pytest.mark.usefixtures("cluster")
def test_training_with_2_ray_clones_gives_the_weights_of_threads():
    remote, local = network(dropout=0.5), network(dropout=0.5)
    losses = [step.loss for step in trained(remote, clones=RAY)]
    assert losses == [step.loss for step in trained(local, clones=3)]
    assert same(weights(remote), weights(local))


@pytest.mark.usefixtures("cluster")
def test_a_step_on_a_ray_clone_learns_the_same():
    net = network(dropout=0.5)
    step = tp.TrainStep(net, SQUARES, ADAM)
    with torch.no_grad(), Training(tp.ScaleUp(step, RAY[:1])).run() as run:
        losses = [step.loss for _ in range(2) for step in run]
    assert losses == [step.loss for step in trained(network(dropout=0.5))]
    assert same(weights(net), weights(network()))  # what was trained is a copy


@pytest.mark.usefixtures("cluster")
@pytest.mark.parametrize("clones", [(RAY, 3), (1, RAY)], ids=["to threads", "from threads"])
@pytest.mark.parametrize("remote", [False, True], ids=["here", "remote"])
def test_a_training_goes_on_elsewhere(clones, remote, tmp_path):
    def training(clones):
        step = plain(network(dropout=0.5))
        return Training(tp.ScaleUp(step, RAY[:1]) if remote else step, clones=clones)

    with training(clones[0]).run(seed=3) as run:
        losses(run, 4)
        run.save(tmp_path / "a.run")
        expected = losses(run, 5)
    with training(clones[1]).run(seed=3) as run:
        run.load(tmp_path / "a.run")
        assert losses(run, 5) == expected
