"""`TrainStep`: it does what a plain loop does, wherever it runs, and goes on where it was saved."""

from functools import partial

import pytest
import torch
from torch import nn

import torchpipe as tp
from tests.train.learning import (
    ADAM,
    SQUARES,
    Training,
    network,
    pairs,
    same,
    trained,
    trained_plainly,
    weights,
)
from torchpipe.errors import ParameterError, StateError

SGD = partial(torch.optim.SGD, lr=0.1)


def step_of(net=None, optimizer=ADAM, **options):
    return tp.TrainStep(network() if net is None else net, SQUARES, optimizer, **options)


# -- it trains


def test_training_in_a_pipeline_is_a_plain_loop():
    net, plain = network(), network()
    losses = [step.loss.item() for step in trained(net)]
    assert losses == trained_plainly(plain)
    assert same(weights(net), weights(plain))
    assert losses[-1] < losses[0] / 2


@pytest.mark.parametrize("clones", [1, [tp.ThreadClone(torch_threads=1)]])
def test_a_step_with_a_thread_of_its_own_trains_the_network_of_the_definition(clones):
    net, plain = network(), network()
    with Training(tp.ScaleUp(step_of(net), clones)).run() as run:
        losses = [step.loss.item() for _ in range(2) for step in run]
    assert losses == trained_plainly(plain)
    assert same(weights(net), weights(plain))


def test_weights_and_optimizer_survive_epochs():
    net, plain = network(), network()
    with Training(step_of(net)).run() as run:
        first = [step.loss.item() for step in run]
        assert same(weights(net), weights(run_once(plain)))
        second = [step.loss.item() for step in run]
    assert first + second == trained_plainly(network())


def run_once(net):
    trained_plainly(net, epochs=1)
    return net


def test_a_second_run_goes_on_with_the_weights():
    net = network()
    first = trained(net, epochs=1)
    second = trained(net, epochs=1)
    assert second[0].loss < first[0].loss


def test_training_with_1_and_3_clones_gives_the_same_weights():
    one, three = network(dropout=0.5), network(dropout=0.5)
    losses = [step.loss for step in trained(one, clones=1)]
    assert losses == [step.loss for step in trained(three, clones=3)]
    assert same(weights(one), weights(three))
    assert not same(weights(one), weights(run_once(network())))


def test_dropout_is_seeded_and_the_global_generator_is_as_before():
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    first = [step.loss.item() for step in trained(network(dropout=0.5))]
    assert torch.rand(1) == expected
    assert first == [step.loss.item() for step in trained(network(dropout=0.5))]
    assert len(set(first)) == len(first)


def test_a_step_gives_the_loss_before_the_update_and_metrics_without_a_graph():
    def worst(output, target):
        assert not torch.is_grad_enabled()
        return (output - target).abs().max()

    step, (x, y) = step_of(metrics={"worst": worst}), pairs()[0]
    output = network()(x)
    loss, metrics = step(x, y)
    assert loss == SQUARES(output, y)
    assert metrics == {"worst": (output - y).abs().max()}
    assert {loss.requires_grad, metrics["worst"].requires_grad} == {False}


def test_a_loss_may_need_no_target():
    step = tp.TrainStep(nn.Linear(2, 2), lambda output: output.square().mean(), SGD)
    x = pairs()[0].x
    assert step(x).loss > step(x).loss


def test_a_batch_may_be_a_dict():
    class Product(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = network()

        def forward(self, batch):
            return self.net(batch["x"])

    x, y = pairs()[0]
    assert step_of(Product())({"x": x}, y).loss == step_of()(x, y).loss


# -- whatever the mode


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("scaled", [False, True])
def test_it_learns_whatever_the_mode_of_its_thread(mode, scaled):
    net = network()
    step = tp.ScaleUp(step_of(net), 1) if scaled else step_of(net)
    with mode(), Training(step).run() as run:
        losses = [step.loss.item() for _ in range(2) for step in run]
    assert losses == trained_plainly(network())


def test_it_takes_what_came_out_of_inference_mode():
    class Features(tp.Pipeline):
        def __init__(self):
            super().__init__()
            self.given = tp.Source([x for x, _ in pairs()])
            self.frozen = tp.ScaleUp(tp.ModuleCell(nn.Linear(2, 2)), 2)
            self.step = tp.TrainStep(network(), lambda output: output.square().mean(), ADAM)

        def build(self):
            return self.step(self.frozen(self.given()))

    with Features().run() as run:
        losses = [step.loss.item() for step in run]
    assert losses[-1] < losses[0]


def test_every_epoch_begins_in_train_mode():
    net = network(dropout=0.5)
    net.eval()
    seen = []
    net[2].register_forward_hook(lambda module, *_: seen.append(module.training))
    with Training(step_of(net)).run() as run:
        list(run)
        net.eval()  # as for an evaluation between epochs
        list(run)
    assert set(seen) == {True}


# -- what is live


def test_the_learning_rate_is_live():
    net = network()
    with Training(step_of(net)).run() as run:
        list(run)
        run.set("step.learning_rate", 0.0)
        before = weights(net)
        list(run)
        assert same(weights(net), before)
        run.set("step.learning_rate", None)
        list(run)
        assert not same(weights(net), before)


def test_a_learning_rate_that_is_set_leaves_the_schedule_alone():
    rates = []

    def halving(optimizer):
        optimizer.register_step_pre_hook(lambda used, *_: rates.append(used.param_groups[0]["lr"]))
        return torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

    with Training(step_of(optimizer=SGD, scheduler=halving)).run(items=4) as run:
        list(run)
        run.set("step.learning_rate", 1.0)
        list(run)
        run.set("step.learning_rate", None)
        list(run)
    tenths = [0.1 * 0.5**number for number in range(12)]
    assert rates == pytest.approx([*tenths[:4], 1.0, 1.0, 1.0, 1.0, *tenths[8:]])


def test_the_norm_of_the_gradients_is_limited():
    net = network()
    before = weights(net)
    step = step_of(net, partial(torch.optim.SGD, lr=1.0))
    step.max_norm = 0.25
    x, y = pairs()[0]
    step(x, y + 100)
    moved = [(new - old).square().sum() for new, old in zip(weights(net), before, strict=True)]
    assert sum(moved).sqrt().item() == pytest.approx(0.25)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_computes_in_another_dtype_and_still_learns(dtype):
    net, seen = network(), []
    net[0].register_forward_hook(lambda *_: seen.append(_[2].dtype))
    step = step_of(net, autocast=dtype)
    losses = [step(x, y).loss.item() for x, y in pairs() * 3]
    assert set(seen) == {dtype}
    assert losses[-1] < losses[0] / 2
    assert {weight.dtype for weight in net.parameters()} == {torch.float32}


def test_autocast_of_whoever_starts_the_run_holds_too():
    net, seen = network(), []
    net[0].register_forward_hook(lambda *_: seen.append(_[2].dtype))
    with torch.autocast("cpu", torch.bfloat16), Training(step_of(net)).run() as run:
        list(run)
    assert set(seen) == {torch.bfloat16}


# -- its state


def warm_restarts(optimizer):
    return torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 3)


@pytest.mark.parametrize("done", range(7))
@pytest.mark.parametrize("dtype", [None, torch.float16])
def test_it_goes_on_from_a_state_as_if_nothing_had_happened(done, dtype):
    batches = pairs()
    unbroken = step_of(scheduler=warm_restarts, autocast=dtype)
    expected = [unbroken(x, y).loss.item() for x, y in batches]
    broken = step_of(scheduler=warm_restarts, autocast=dtype)
    losses = [broken(x, y).loss.item() for x, y in batches[:done]]
    if not done:
        broken.setup(tp.ThreadClone())
    state = broken.state_dict()
    for x, y in batches:
        broken(x, y)  # a state is a copy: this changes nothing
    other = step_of(torch.nn.Sequential(*network()), scheduler=warm_restarts, autocast=dtype)
    other(*batches[0])
    other.load_state_dict(state)
    losses += [other(x, y).loss.item() for x, y in batches[done:]]
    assert losses == expected
    assert same(weights(other.model), weights(unbroken.model))


def test_a_state_can_be_loaded_as_weights_only(tmp_path):
    step = step_of(scheduler=warm_restarts)
    step(*pairs()[0])
    torch.save(step.state_dict(), tmp_path / "state.pt")
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert state["steps"] == 1
    step.load_state_dict(state)


def test_the_state_of_another_network_is_refused_and_nothing_changes():
    other = tp.TrainStep(nn.Sequential(nn.Linear(2, 4), nn.Tanh()), lambda y: y.sum(), ADAM)
    other(pairs()[0].x)
    step = step_of()
    step(*pairs()[0])
    before = weights(step.model)
    with pytest.raises(StateError) as error:
        step.load_state_dict(other.state_dict())
    assert str(error.value) == (
        "cannot load the state of another network: 0.weight is of shape (4, 2) there, and of shape "
        "(8, 2) in this Sequential. Load what was saved with the same network."
    )
    assert same(weights(step.model), before)


# -- logs


class Rows:
    """A log that remembers."""

    def __init__(self):
        self.rows, self.ended = [], 0

    def log_metrics(self, metrics, step):
        self.rows.append((step, metrics))

    def finalize(self, status):
        self.ended += 1


def test_every_step_is_logged():
    log = Rows()
    step = step_of(log=log, metrics={"largest": lambda output, target: output.max()})
    with Training(step).run() as run:
        steps = [each for _ in range(2) for each in run]
        assert log.ended == 0
    expected = [{"loss": loss.item(), "largest": more["largest"].item()} for loss, more in steps]
    assert log.rows == list(enumerate(expected))
    assert log.ended == 1


def test_fewer_steps_may_be_logged():
    log = Rows()
    with Training(step_of(log=log, log_every=4)).run() as run:
        list(run), list(run)
    assert [step for step, _ in log.rows] == [0, 4, 8]


# -- what can't be


def refusal(*parts, **options):
    with pytest.raises(ParameterError) as error:
        tp.TrainStep(*parts, **options)
    return str(error.value)


def test_a_network_needs_a_loss_and_an_optimizer():
    assert refusal(nn.Linear(1, 1)) == (
        "cannot train Linear without loss and optimizer. Write tp.TrainStep(model, loss, "
        "optimizer), or pass a LightningModule."
    )
    assert refusal(nn.Linear(1, 1), SQUARES).startswith("cannot train Linear without optimizer.")


def test_it_cannot_be_scaled_up_to_several_clones():
    with pytest.raises(tp.CheckError, match="TrainStep is stateful, so every item must pass"):
        Training(tp.ScaleUp(step_of(), 2)).check()


def test_an_error_in_the_loss_is_the_users_own():
    def broken(output, target):
        raise ZeroDivisionError("no loss")

    pipeline = Training(tp.TrainStep(network(), broken, ADAM))
    with pytest.raises(ZeroDivisionError, match="no loss") as error, pipeline.run() as run:
        list(run)
    assert "in cell 'step'" in error.value.__notes__[0]


def test_it_shows_what_it_trains():
    step = step_of()
    step.learning_rate = 0.1
    assert repr(step) == "TrainStep(Sequential, learning_rate=0.1)"
