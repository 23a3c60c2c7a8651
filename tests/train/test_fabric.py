"""`TrainStep` with a LightningModule: Fabric takes the place of its Trainer."""

import threading

import pytest
import torch
from lightning.fabric.loggers import CSVLogger
from lightning.pytorch import LightningModule, Trainer
from torch import nn

import torchpipe as tp
from tests.train.learning import (
    ADAM,
    NOISE,
    SQUARES,
    Batches,
    Training,
    network,
    pairs,
    same,
    trained_plainly,
    weights,
)
from torchpipe.errors import ParameterError, RunError

SCHEDULERS = torch.optim.lr_scheduler


class Regression(LightningModule):
    """The network of these tests, with its hooks written down."""

    def __init__(self, configure=lambda optimizer: optimizer):
        super().__init__()
        self.net, self.configure, self.calls = network(), configure, []

    def training_step(self, batch, index):
        x, y = batch
        loss = SQUARES(self.net(x), y)
        self.log("index", index)
        self.log_dict({"largest": y.max()}, prog_bar=True)
        self.calls.append(f"step {index} in {threading.current_thread().name}")
        return loss

    def configure_optimizers(self):
        self.optimizer = ADAM(self.parameters())
        return self.configure(self.optimizer)

    def on_train_epoch_start(self):
        self.calls.append("epoch")

    def on_train_batch_start(self, batch, batch_idx):
        self.calls.append("batch")

    def on_after_backward(self):
        assert self.net[0].weight.grad is not None
        self.calls.append("backward")

    def on_before_optimizer_step(self, optimizer):
        assert optimizer is self.optimizer
        self.calls.append("update")

    def on_train_batch_end(self, outputs, batch, batch_idx):
        assert not outputs["loss"].requires_grad
        self.calls.append("end")

    def on_train_epoch_end(self):
        self.log("epoch_norm", 1.5)
        self.calls.append("epoch end")


def test_it_trains_as_a_plain_loop_does():
    module, plain = Regression(), network()
    with Training(tp.TrainStep(module)).run() as run:
        losses = [step.loss.item() for _ in range(2) for step in run]
    assert losses == trained_plainly(plain)
    assert same(weights(module.net), weights(plain))


def test_hooks_are_called_in_the_order_of_a_trainer():
    module = Regression()
    with Training(tp.TrainStep(module), batches=pairs(2)).run() as run:
        list(run)
    here = threading.current_thread().name
    assert module.calls == [
        *("epoch", "batch", f"step 0 in {here}", "backward", "update", "end"),
        *("batch", f"step 1 in {here}", "backward", "update", "end"),
        "epoch end",
    ]


@pytest.mark.parametrize("scaled", [False, True])
def test_what_it_logs_is_among_the_metrics_and_reaches_the_logger(scaled, tmp_path):
    logger = CSVLogger(tmp_path, name=None, version="")
    module = Regression()
    step = tp.TrainStep(module, log=logger)
    with Training(tp.ScaleUp(step, 1) if scaled else step, batches=pairs(2)).run() as run:
        steps = list(run)
    assert [step.metrics for step in steps] == [
        {"index": index, "largest": pair.y.max()} for index, pair in enumerate(pairs(2))
    ]
    names = {call.rpartition(" in ")[2] for call in module.calls if call.startswith("step")}
    assert ("MainThread" in names) is not scaled
    rows = (tmp_path / "metrics.csv").read_text().split()
    assert rows[0] == "epoch_norm,index,largest,loss,step"
    assert rows[1].startswith(",0.0,")
    assert rows[3] == "1.5,,,,1"


@NOISE
def test_a_trainer_may_have_the_module_afterwards(tmp_path):
    module = Regression()
    with Training(tp.TrainStep(module)).run() as run:
        list(run)
    before = weights(module)
    options = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False}
    trainer = Trainer(max_epochs=1, accelerator="cpu", enable_model_summary=False, **options)
    trainer.fit(module, Batches())
    assert not same(weights(module), before)
    assert trainer.logged_metrics["index"] == 5


def test_a_step_may_return_a_dict():
    class Dict(Regression):
        def training_step(self, batch, index):
            loss = super().training_step(batch, index)
            return {"loss": loss, "index": 7, "twice": 2 * loss}

    step = tp.TrainStep(Dict())(*pairs()[0])
    assert step.metrics["index"] == 0  # what is logged comes last
    assert not step.metrics["twice"].requires_grad
    assert step.loss == trained_plainly(network())[0]


@pytest.mark.parametrize(
    ("configure", "rates"),
    [
        (lambda made: made, [0.05] * 4),
        (lambda made: [made], [0.05] * 4),
        (lambda made: {"optimizer": made}, [0.05] * 4),
        (lambda made: ([made], [SCHEDULERS.ExponentialLR(made, 0.5)]), [0.05] * 2 + [0.025] * 2),
        (
            lambda made: {"optimizer": made, "lr_scheduler": SCHEDULERS.ExponentialLR(made, 0.5)},
            [0.05] * 2 + [0.025] * 2,
        ),
        (
            lambda made: {
                "optimizer": made,
                "lr_scheduler": {
                    "scheduler": SCHEDULERS.ExponentialLR(made, 0.5),
                    "interval": "step",
                    "frequency": 3,
                },
            },
            [0.05] * 3 + [0.025],
        ),
    ],
    ids=["optimizer", "list", "dict", "two lists", "each epoch", "each 3 steps"],
)
def test_optimizers_and_schedules_may_be_configured_as_for_a_trainer(configure, rates):
    module, found = Regression(configure), []
    module.on_before_optimizer_step = lambda made: found.append(made.param_groups[0]["lr"])
    with Training(tp.TrainStep(module), batches=pairs(2)).run() as run:
        list(run), list(run)
    assert found == pytest.approx(rates)


@pytest.mark.parametrize("done", [0, 1, 3, 6])
def test_it_goes_on_from_a_state(done):
    def halving(made):
        schedule = {"scheduler": SCHEDULERS.ExponentialLR(made, 0.5), "interval": "step"}
        return {"optimizer": made, "lr_scheduler": schedule}

    def step():
        return tp.TrainStep(Regression(halving))

    unbroken, broken, other = step(), step(), step()
    for cell in (unbroken, broken, other):
        cell.setup(tp.ThreadClone())
        cell.reset()
    expected = [unbroken.forward(*pair) for pair in pairs()]
    found = [broken.forward(*pair) for pair in pairs()[:done]]
    other.load_state_dict(broken.state_dict())
    found += [other.forward(*pair) for pair in pairs()[done:]]
    assert found == expected
    assert same(weights(other.model), weights(unbroken.model))
    for cell in (unbroken, broken, other):
        cell.teardown()


# -- what needs a Trainer


def refusal(module):
    with pytest.raises(RunError) as error, Training(tp.TrainStep(module)).run():
        pass
    return str(error.value)


def test_manual_optimization_is_refused():
    module = Regression()
    module.automatic_optimization = False
    assert refusal(module) == (
        "cannot train Regression step by step: it optimizes manually. Use torchpipe.train.Fit, "
        "which runs a Trainer."
    )


@pytest.mark.parametrize(
    ("configure", "given"),
    [(lambda made: [made, made], "Adam, Adam"), (lambda made: None, "NoneType")],
)
def test_it_takes_one_optimizer(configure, given):
    assert refusal(Regression(configure)) == (
        f"cannot train Regression step by step: its `configure_optimizers` gives {given}, and one "
        f"optimizer is expected. Use torchpipe.train.Fit, which runs a Trainer."
    )


def test_a_schedule_that_waits_for_a_validation_is_refused():
    module = Regression(lambda made: ([made], [SCHEDULERS.ReduceLROnPlateau(made)]))
    assert refusal(module) == (
        "cannot train Regression step by step: ReduceLROnPlateau waits for a validation. Use "
        "torchpipe.train.Fit, which runs a Trainer."
    )


def test_a_step_without_a_loss_is_an_error():
    class Forgets(Regression):
        def training_step(self, batch, index):
            super().training_step(batch, index)

    with pytest.raises(RunError) as error:
        tp.TrainStep(Forgets())(*pairs()[0])
    assert str(error.value) == (
        "cannot train Forgets: its `training_step` gave no loss but NoneType. Return the loss, or "
        "a dict with 'loss'."
    )


def test_a_lightning_module_brings_its_own_loss_and_optimizer():
    with pytest.raises(ParameterError) as error:
        tp.TrainStep(Regression(), SQUARES, metrics={"largest": torch.max})
    assert str(error.value) == (
        "cannot train Regression with loss and metrics: a LightningModule brings its own. Leave "
        "them out."
    )


def test_any_other_network_needs_them():
    with pytest.raises(ParameterError, match="cannot train Linear without loss and optimizer"):
        tp.TrainStep(nn.Linear(1, 1))
