"""`Evaluate`: means over a stream, on the weights as they are."""

import copy

import pytest
import torch
from lightning.pytorch import LightningModule
from torch import nn

import torchpipe as tp
from tests.train.learning import ADAM, SQUARES, Given, Pair, network, pairs, same, trained, weights
from torchpipe.errors import RunError
from torchpipe.testing import check_cell


def distance(output, target):
    """One value per sample."""
    return (output - target).abs().sum(dim=1)


METRICS = {"error": SQUARES, "distance": distance}


class Evaluation(tp.Pipeline):
    def __init__(self, model, batches, clones=None):
        super().__init__()
        self.given = Given(batches)
        self.network = None if clones is None else tp.ScaleUp(tp.ModuleCell(model), clones)
        self.evaluate = tp.Evaluate(None if clones else model, METRICS)

    def build(self):
        x, y = self.given()
        return self.evaluate(x if self.network is None else self.network(x), y)


def evaluated(*parts, **options):
    with Evaluation(*parts, **options).run() as run:
        return list(run)


def uneven():
    """Batches of 4, 4, 4 and 1."""
    batches = pairs(4)
    return [*batches[:3], Pair(batches[3].x[:1], batches[3].y[:1])]


def expected_of(net, batches):
    x, y = (torch.cat(parts) for parts in zip(*batches, strict=True))
    with torch.no_grad():
        output = net(x)
    return {"error": SQUARES(output, y).item(), "distance": distance(output, y).mean().item()}


def test_it_gives_the_mean_over_all_samples():
    net = network()
    found = evaluated(net, uneven())
    assert found == [pytest.approx(expected_of(net, uneven()))]


@pytest.mark.parametrize("clones", [1, 3])
def test_the_network_may_run_on_clones_before_it(clones):
    net = network()
    assert evaluated(net, uneven(), clones=clones) == evaluated(net, uneven())


def test_every_epoch_is_evaluated_by_itself_and_on_the_weights_of_the_moment():
    net = network()
    with Evaluation(net, uneven()).run() as run:
        before = list(run)
        assert before == list(run)
        trained(net)
        after = list(run)
    assert after == [pytest.approx(expected_of(net, uneven()))]
    assert after[0]["error"] < before[0]["error"]


def test_it_runs_in_eval_mode_and_leaves_the_network_as_it_is():
    net = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.9), *network())
    before = weights(net)
    found = evaluated(net, uneven())
    assert net.training
    assert same(weights(net), before)
    assert found == [pytest.approx(expected_of(copy.deepcopy(net).eval(), uneven()))]


def test_an_empty_stream_gives_nothing():
    assert evaluated(network(), []) == []


def test_a_metric_may_need_no_target():
    evaluate = tp.Evaluate(None, {"mean": torch.mean})
    assert check_cell(evaluate, (torch.ones(3),), (torch.zeros(1),)) == [{"mean": 0.75}]


def test_it_goes_on_from_a_state():
    check_cell(tp.Evaluate(network(), METRICS), *uneven(), pickles=False)


class Beside(tp.Pipeline):
    """A network that is evaluated while it is trained."""

    def __init__(self, net, step):
        super().__init__()
        self.given = Given(pairs())
        self.evaluate, self.step = tp.Evaluate(net, METRICS), step
        self.last = tp.Collect()

    def build(self):
        x, y = self.given()
        self.step(x, y)
        self.last(self.evaluate(x, y))


def test_a_step_and_an_evaluation_may_share_a_pipeline():
    net = network(dropout=0.5)
    pipeline = Beside(net, tp.TrainStep(net, SQUARES, ADAM))
    with pipeline.run() as run:
        list(run)
        first = pipeline.last.items[0]["error"]
        list(run)
    assert net.training
    assert pipeline.last.items[0]["error"] < first


def test_a_batch_must_have_rows():
    with pytest.raises(RunError) as error:
        list(tp.Evaluate(None, {"mean": torch.mean})(3.0))
    assert str(error.value) == (
        "cannot count the samples of a float: there is no tensor in it with a row for each. Give "
        "batches of tensors."
    )


def test_it_shows_what_it_measures():
    assert repr(tp.Evaluate(network(), METRICS)) == "Evaluate(Sequential, error, distance)"
    assert repr(tp.Evaluate(None, METRICS)) == "Evaluate(error, distance)"


def test_a_lightning_module_may_be_trained_beside_it():
    class Regression(LightningModule):
        def __init__(self):
            super().__init__()
            self.net = network()

        def forward(self, x):
            return self.net(x)

        def training_step(self, batch, index):
            x, y = batch
            self.log("rows", len(x))
            return SQUARES(self(x), y)

        def configure_optimizers(self):
            return ADAM(self.parameters())

    module = Regression()
    pipeline = Beside(module, tp.TrainStep(module))
    plain = Beside(net := network(), tp.TrainStep(net, SQUARES, ADAM))
    for each in (pipeline, plain):
        with each.run() as run:
            list(run), list(run)
    assert pipeline.last.items == plain.last.items
