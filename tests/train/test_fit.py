"""`Fit`: one pull trains to the end."""

import signal
import threading

import pytest
import torch
from lightning.pytorch import LightningDataModule, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.utils.data import DataLoader

import torchpipe as tp
from tests.train.learning import (
    ADAM,
    NOISE,
    SQUARES,
    Batches,
    network,
    pairs,
    same,
    trained_plainly,
    weights,
)
from torchpipe.errors import RunError

pytestmark = NOISE


class Regression(LightningModule):
    def __init__(self):
        super().__init__()
        self.net, self.threads = network(), set()

    def training_step(self, batch, index):
        x, y = batch
        self.threads.add(threading.current_thread().name)
        return SQUARES(self.net(x), y)

    def configure_optimizers(self):
        return ADAM(self.parameters())


class Validated(Regression):
    """Finds its first epoch the best."""

    def validation_step(self, batch, index):
        self.log("rank", float(-self.current_epoch))


class Data(LightningDataModule):
    def train_dataloader(self):
        return DataLoader(pairs(), batch_size=None)


class ValidatedData(Data):
    def val_dataloader(self):
        return DataLoader(pairs(1), batch_size=None)


def trainer_in(folder, epochs=2, **options):
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return Trainer(
        max_epochs=epochs, accelerator="cpu", default_root_dir=folder, **(quiet | options)
    )


class Only(tp.Pipeline):
    def __init__(self, fit):
        super().__init__()
        self.fit = fit

    def build(self):
        return self.fit()


class Loaded(tp.Cell):
    """The weights in a checkpoint."""

    def forward(self, path):
        return weights_in(path)


def weights_in(path):
    return list(torch.load(path, weights_only=True)["state_dict"].values())


class Checked(tp.Pipeline):
    """A scaled-up cell after the training, which so gets a thread of its own."""

    def __init__(self, fit):
        super().__init__()
        self.fit, self.loaded = fit, tp.ScaleUp(Loaded(), 2)

    def build(self):
        return self.loaded(self.fit())


@pytest.mark.parametrize("data", [Data(), Batches()])
def test_one_pull_trains_to_the_end_and_gives_the_checkpoint(data, tmp_path):
    module, plain = Regression(), network()
    with Only(tp.Fit(trainer_in(tmp_path), module, data)).run() as run:
        path = run.pull()
        with pytest.raises(StopIteration):
            run.pull()
    trained_plainly(plain)
    assert tmp_path in path.parents
    assert same(weights_in(path), weights(plain))
    assert same(weights(module), weights(plain))


def test_it_runs_in_the_callers_thread(tmp_path):
    module = Regression()
    pipeline = Only(tp.Fit(lambda: trainer_in(tmp_path), module, Batches()))
    assert pipeline.pull().suffix == ".ckpt"
    pipeline.stop()
    assert module.threads == {threading.current_thread().name}


def test_it_runs_in_a_thread_of_its_own_before_scaled_up_cells(tmp_path):
    module, plain = Regression(), network()
    with torch.inference_mode():
        pipeline = Checked(tp.Fit(trainer_in(tmp_path), module, Batches()))
        with pipeline.run() as run:
            (found,) = list(run)
    trained_plainly(plain)
    assert same(found, weights(plain))
    assert module.threads == {"torchpipe source"}


def test_the_best_checkpoint_is_given_where_there_is_a_monitor(tmp_path):
    best = ModelCheckpoint(tmp_path, monitor="rank", mode="max", save_last=True)
    pipeline = Only(tp.Fit(trainer_in(tmp_path, callbacks=[best]), Validated(), ValidatedData()))
    with pipeline.run() as run:
        path = run.pull()
    plain = network()
    trained_plainly(plain, epochs=1)
    assert same(weights_in(path), weights(plain))


@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
def test_it_goes_on_from_a_checkpoint(tmp_path):
    def last():
        return ModelCheckpoint(tmp_path, save_last=True)

    for epochs in (1, 2):
        module = Regression()
        trainer = trainer_in(tmp_path, epochs, callbacks=[last()])
        resume = tmp_path / "last.ckpt" if epochs == 2 else None
        with Only(tp.Fit(trainer, module, Batches(), resume=resume)).run() as run:
            path = run.pull()
    plain = network()
    trained_plainly(plain)
    assert path.name == "last.ckpt"
    assert same(weights(module), weights(plain))


def test_ctrl_c_is_ctrl_c(tmp_path):
    class Interrupted(Regression):
        def training_step(self, batch, index):
            signal.raise_signal(signal.SIGINT)

    handler = signal.getsignal(signal.SIGINT)
    pipeline = Only(tp.Fit(trainer_in(tmp_path), Interrupted(), Batches()))
    with pytest.raises(KeyboardInterrupt), pipeline.run() as run:
        run.pull()
    assert signal.getsignal(signal.SIGINT) is handler


def test_an_error_in_the_module_is_the_users_own(tmp_path):
    class Broken(Regression):
        def training_step(self, batch, index):
            raise ZeroDivisionError("no loss")

    pipeline = Only(tp.Fit(trainer_in(tmp_path), Broken(), Batches()))
    with pytest.raises(ZeroDivisionError, match="no loss") as error, pipeline.run() as run:
        run.pull()
    assert "in cell 'fit'" in error.value.__notes__[0]


def test_a_trainer_must_write_checkpoints(tmp_path):
    trainer = trainer_in(tmp_path, enable_checkpointing=False)
    with pytest.raises(RunError) as error:
        Only(tp.Fit(trainer, Regression(), Batches())).pull()
    assert str(error.value) == (
        "cannot give the checkpoint of the training: the Trainer writes none. Leave out "
        "`enable_checkpointing=False`, or add a ModelCheckpoint to its callbacks."
    )


def test_a_callback_must_have_written_one(tmp_path):
    rare = ModelCheckpoint(tmp_path, every_n_epochs=5)
    trainer = trainer_in(tmp_path, callbacks=[rare])
    with pytest.raises(RunError) as error:
        Only(tp.Fit(trainer, Regression(), Batches())).pull()
    assert str(error.value) == (
        "cannot give the checkpoint of the training: ModelCheckpoint has written none in 2 "
        "epochs. Let it write one at the end of each epoch."
    )


def test_it_shows_what_it_trains(tmp_path):
    assert repr(tp.Fit(trainer_in(tmp_path), Regression())) == "Fit(Regression)"
