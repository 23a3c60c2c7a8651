"""Feeds in Lightning, which is not changed for them."""

from __future__ import annotations

import signal

import pytest
import torch

pytest.importorskip("lightning.pytorch")

from lightning.pytorch.utilities import CombinedLoader

from tests.engine.made import Fails, torchpipe_threads
from tests.train.fitting import QUIET, Learner, Validated, saving, tensors, trainer
from tests.train.made import Stream, dropping, same, scaled, sized, unsized, until
from torchpipe.errors import RunError
from torchpipe.testing import Recorder
from torchpipe.train import Feed, FeedDataModule

pytestmark = QUIET

MAKES = [sized, unsized]


def fit(module: FeedDataModule, epochs: int = 2, **options) -> Learner:
    learner = Learner() if module.val is None else Validated()
    trainer(epochs, **options).fit(learner, datamodule=module)
    assert torchpipe_threads() == []
    return learner


def whole(make, epochs: int = 2, **options) -> list[torch.Tensor]:
    with make(**options) as feed:
        return list(until(feed, epochs))


@pytest.mark.parametrize("make", [sized, unsized, dropping])
def test_every_epoch_is_given_whole_and_in_its_own_order(make):
    assert same(fit(FeedDataModule(make())).seen, whole(make))


@pytest.mark.parametrize("make", MAKES)
def test_a_feed_alone_is_a_data_loader_too(make):
    learner = Learner()
    with make() as feed:
        trainer(2).fit(learner, feed)
    assert same(learner.seen, whole(make))


@pytest.mark.parametrize("make", MAKES)
def test_validation_is_on_the_same_samples_each_time(make):
    learner = fit(FeedDataModule(make(), val=make()), num_sanity_val_steps=2)
    once = whole(make, 1)
    assert same(learner.checked, [*once[:2], *once, *once])
    assert same(learner.seen, whole(make))


@pytest.mark.parametrize("make", MAKES)
def test_epochs_may_be_limited(make):
    learner = fit(FeedDataModule(make(), val=make()), limit_train_batches=2, limit_val_batches=1)
    epochs = whole(make)
    assert same(learner.seen, [*epochs[:2], *epochs[3:5]])
    assert same(learner.checked, [epochs[0], epochs[0]])


def test_validation_may_come_within_an_epoch():
    learner = fit(FeedDataModule(sized(batch_size=2), val=unsized()), val_check_interval=0.5)
    assert len(learner.checked) == 2 * 2 * 3
    learner = fit(FeedDataModule(unsized(), val=unsized()), val_check_interval=2)
    assert len(learner.checked) == 2 * 3
    assert same(learner.seen, whole(unsized))


@pytest.mark.parametrize("make", MAKES)
def test_a_few_batches_may_be_overfitted(make):
    learner = fit(FeedDataModule(make()), 3, overfit_batches=2)
    assert same(learner.seen, whole(make, 1)[:2] * 3)


@pytest.mark.parametrize("make", MAKES)
def test_gradients_may_be_accumulated(make):
    learner = fit(FeedDataModule(make()), accumulate_grad_batches=2)
    assert same(learner.seen, whole(make))


def test_a_fast_run_takes_one_batch():
    learner = Validated()
    trainer(1, fast_dev_run=True).fit(learner, datamodule=FeedDataModule(sized(), val=sized()))
    assert (len(learner.seen), len(learner.checked)) == (1, 1)


@pytest.mark.parametrize("mode", ["min_size", "max_size_cycle", "max_size"])
def test_feeds_may_be_combined(mode):
    def feeds():
        return {"a": sized(), "b": unsized(batch_size=4)}

    combined = CombinedLoader(feeds(), mode)
    learner = fit(FeedDataModule(combined))
    alone = CombinedLoader(feeds(), mode)
    expected = [batch for _ in range(2) for batch, _, _ in alone]
    assert len(learner.seen) == len(expected) == (4 if mode == "min_size" else 6)
    assert same(tensors(learner.seen), tensors(expected))
    assert isinstance(combined.iterables["a"], Feed)


def test_feeds_in_a_dict_or_a_list_are_combined_as_lightning_does():
    learner = fit(FeedDataModule({"a": sized(), "b": sized(batch_size=4)}, val=[sized(), sized()]))
    assert [sorted(batch) for batch in learner.seen] == [["a", "b"]] * 6
    assert len(learner.checked) == 2 * 6


def test_test_and_prediction_have_feeds_of_their_own():
    module = FeedDataModule(test=sized(), predict=unsized())
    learner = Learner()
    trainer(1).test(learner, datamodule=module, verbose=False)
    assert same(learner.checked, whole(sized, 1))
    found = trainer(1).predict(learner, datamodule=module)
    assert same(found, whole(unsized, 1))
    assert torchpipe_threads() == []


def test_the_number_of_steps_can_be_asked_for():
    class Scheduled(Learner):
        def configure_optimizers(self):
            self.steps = self.trainer.estimated_stepping_batches
            return super().configure_optimizers()

    learner = Scheduled()
    trainer(2).fit(learner, datamodule=FeedDataModule(sized()))
    assert learner.steps == 6
    assert same(learner.seen, whole(sized))


def test_clones_stay_warm_during_a_fit():
    recorder = Recorder()
    feed = Feed(scaled(recorder, 2), [torch.ones(2)] * 5, batch_size=2)
    fit(FeedDataModule(feed), 4)
    assert len(recorder.of("setup")) == len(recorder.of("teardown")) == 2


def test_the_hook_of_the_module_is_called_too():
    class Doubles(Learner):
        def on_before_batch_transfer(self, batch, dataloader_idx):
            return 2 * batch

    learner = Doubles()
    with pytest.warns(UserWarning, match="You have overridden `on_before_batch_transfer` in both"):
        trainer(1).fit(learner, datamodule=FeedDataModule(sized()))
    assert same(learner.seen, [2 * batch for batch in whole(sized, 1)])


# -- errors


@pytest.mark.parametrize("clones", [None, 2])
def test_an_error_of_a_cell_ends_the_fit_and_all_threads(clones):
    module = FeedDataModule(Feed(Stream(clones, before=Fails(5)), batch_size=2), val=sized())
    with pytest.raises(ValueError, match="no 5") as error:
        trainer(1, num_sanity_val_steps=1).fit(Validated(), datamodule=module)
    assert any("item 5" in note for note in error.value.__notes__)
    assert torchpipe_threads() == []


def test_an_error_of_the_training_step_ends_all_threads():
    class Breaks(Validated):
        def training_step(self, batch, batch_idx):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        trainer(1).fit(Breaks(), datamodule=FeedDataModule(sized(), val=sized()))
    assert torchpipe_threads() == []


def test_ctrl_c_ends_all_threads():
    class Interrupted(Validated):
        def training_step(self, batch, batch_idx):
            raise KeyboardInterrupt

    handler = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(SystemExit):
            trainer(1).fit(Interrupted(), datamodule=FeedDataModule(sized(), val=sized()))
        assert torchpipe_threads() == []
    finally:
        signal.signal(signal.SIGINT, handler)  # Lightning has it ignored


def test_a_training_that_is_fitted_again_goes_on_with_the_next_epoch():
    learner, module = Learner(), FeedDataModule(unsized())
    trainer(1, limit_train_batches=2).fit(learner, datamodule=module)
    trainer(1).fit(learner, datamodule=module)
    epochs = whole(unsized)
    assert same(learner.seen, [*epochs[:2], *epochs[3:]])


def test_between_two_fits_a_feed_can_be_sent_elsewhere():
    learner, feed = Learner(), sized()
    module = FeedDataModule(feed)
    for epochs in range(2):
        trainer(1, limit_train_batches=2).fit(learner, datamodule=module)
        assert feed.epoch == 1, epochs
        feed.set_epoch(0)
    assert same(learner.seen, whole(sized, 1)[:2] * 2)


def test_the_state_of_other_feeds_is_refused(tmp_path):
    fit(FeedDataModule([sized(), sized()]), 1, **saving(tmp_path))
    with pytest.raises(RunError) as error:
        trainer(2).fit(
            Learner(), datamodule=FeedDataModule(sized()), ckpt_path=str(tmp_path / "1.ckpt")
        )
    assert str(error.value) == (
        "cannot load the state of 2 training feeds into 1: make the FeedDataModule with the feeds "
        "it had then."
    )
