"""A Lightning training goes on exactly where its checkpoint was made, on any number of clones."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

pytest.importorskip("lightning.pytorch")

import lightning.pytorch as pl
from lightning.pytorch.utilities import CombinedLoader

from tests.train.fitting import (
    QUIET,
    AfterValidation,
    Learner,
    Validated,
    same_weights,
    saving,
    saving_epochs,
    tensors,
    trainer,
)
from tests.train.made import copying, dropping, known, ready, remembering, same, sized, unsized
from torchpipe.train import FeedDataModule

pytestmark = QUIET

EPOCHS = 2


def fit(feeds, learner: Learner | None = None, path: Path | None = None, **options) -> Learner:
    """Train on these feeds, from a checkpoint on, if there is one."""
    learner = learner or Learner()
    module = FeedDataModule(feeds, val=sized() if isinstance(learner, Validated) else None)
    ckpt_path = None if path is None else str(path)
    trainer(EPOCHS, **options).fit(learner, datamodule=module, ckpt_path=ckpt_path)
    return learner


def resumed_everywhere(folder: Path, unbroken: Learner, again, **options) -> None:
    """Go on from each checkpoint of a training that was not interrupted, and compare."""
    paths = {int(path.stem): path for path in folder.glob("*.ckpt")}
    per_step = options.get("accumulate_grad_batches", 1)
    assert sorted(paths) == list(range(1, len(unbroken.seen) // per_step + 1))
    for step, path in paths.items():
        learner = again(path)
        assert same(tensors(learner.seen), tensors(unbroken.seen[step * per_step :]))
        assert same_weights(learner, unbroken)


@pytest.mark.parametrize("clones", [(1, 3), (3, 1)])
@pytest.mark.parametrize("make", [sized, unsized])
def test_resume_is_exact_at_every_batch_of_two_epochs(make, clones, tmp_path):
    before, after = clones
    unbroken = fit(make(before), **saving(tmp_path))
    resumed_everywhere(tmp_path, unbroken, lambda path: fit(make(after), path=path))


@pytest.mark.parametrize("make", [known, dropping, remembering, copying, ready])
def test_it_is_so_for_feeds_of_all_kinds(make, tmp_path):
    unbroken = fit(made := make(), learner := Wide(made), **saving(tmp_path))
    resumed_everywhere(tmp_path, unbroken, lambda path: fit(m := make(), Wide(m), path=path))
    assert learner is unbroken


class Wide(Learner):
    """Takes the first two numbers of each sample."""

    def __init__(self, feed):
        super().__init__()

    def training_step(self, batch, batch_idx):
        self.seen.append(batch)
        return self.net(batch[:, :2]).square().mean()


@pytest.mark.parametrize("make", [sized, unsized])
def test_resume_is_exact_where_epochs_are_limited(make, tmp_path):
    limit = {"limit_train_batches": 2}
    unbroken = fit(make(), **saving(tmp_path), **limit)
    assert len(unbroken.seen) == 4
    resumed_everywhere(tmp_path, unbroken, lambda path: fit(make(), path=path, **limit))


@pytest.mark.parametrize("make", [sized, unsized])
def test_resume_is_exact_where_a_checkpoint_follows_a_validation(make, tmp_path):
    options = {"val_check_interval": 1, "num_sanity_val_steps": 2}
    unbroken = fit(make(), Validated(), callbacks=[AfterValidation(tmp_path)], **options)
    resumed_everywhere(tmp_path, unbroken, lambda path: fit(make(), Validated(), path, **options))


@pytest.mark.parametrize("make", [sized, unsized])
def test_resume_is_exact_at_the_end_of_an_epoch(make, tmp_path):
    unbroken = fit(make(), **saving_epochs(tmp_path))
    learner = fit(make(), path=tmp_path / "0.ckpt")
    assert same(learner.seen, unbroken.seen[3:])
    assert same_weights(learner, unbroken)
    assert fit(make(), path=tmp_path / "1.ckpt").seen == []


@pytest.mark.parametrize("make", [sized, unsized])
def test_resume_is_exact_where_the_number_of_steps_was_asked_for(make, tmp_path):
    class Scheduled(Learner):
        def configure_optimizers(self):
            if make is sized:
                assert self.trainer.estimated_stepping_batches == 6
            else:
                self.trainer.fit_loop.setup_data()
            return super().configure_optimizers()

    unbroken = fit(make(), Scheduled(), **saving(tmp_path))
    resumed_everywhere(tmp_path, unbroken, lambda path: fit(make(), Scheduled(), path))


@pytest.mark.parametrize("mode", ["min_size", "max_size_cycle", "max_size"])
@pytest.mark.parametrize("size", [3, 2])
@pytest.mark.parametrize("make", [sized, unsized])
def test_resume_is_exact_for_combined_feeds(mode, make, size, tmp_path):
    def feeds():
        both = {"long": make(batch_size=1), "short": make(batch_size=size)}
        return CombinedLoader(both, mode)

    unbroken = fit(feeds(), **saving(tmp_path))
    assert len(unbroken.seen) == 2 * (-(-7 // size) if mode == "min_size" else 7)
    resumed_everywhere(tmp_path, unbroken, lambda path: fit(feeds(), path=path))


@pytest.mark.parametrize("make", [sized, unsized])
def test_resume_is_exact_before_the_first_batch(make, tmp_path):
    class AtStart(pl.Callback):
        def on_train_start(self, trainer, pl_module):
            trainer.save_checkpoint(tmp_path / "start.ckpt")

    unbroken = fit(make(), callbacks=[AtStart()])
    learner = fit(make(), path=tmp_path / "start.ckpt")
    assert same(learner.seen, unbroken.seen)
    assert same_weights(learner, unbroken)


def test_the_last_checkpoint_is_found_again(tmp_path):
    options = saving(tmp_path, save_last=True, filename="kept-{step}")
    unbroken = fit(sized())
    fit(sized(), max_steps=4, **options)
    again = saving(tmp_path, save_last=True, filename="kept-{step}")
    learner = Learner()
    trainer(EPOCHS, **again).fit(learner, datamodule=FeedDataModule(sized()), ckpt_path="last")
    assert same(learner.seen, unbroken.seen[4:])
    assert same_weights(learner, unbroken)


def test_a_chain_of_interruptions_does_not_drift(tmp_path):
    unbroken = fit(unsized())
    seen, path = [], None
    for steps in range(1, 7):
        options = saving(tmp_path)
        learner = fit(unsized(), path=path, max_steps=steps, **options)
        seen += learner.seen
        path = tmp_path / f"{steps}.ckpt"
    assert same(seen, unbroken.seen)
    assert same_weights(learner, unbroken)


def test_a_checkpoint_holds_plain_numbers(tmp_path):
    fit(dropping(), max_steps=1, **saving(tmp_path))
    found = torch.load(tmp_path / "1.ckpt", weights_only=True)
    assert found["FeedDataModule"] == {
        "train": [
            {
                "epoch": 0,
                "position": found["FeedDataModule"]["train"][0]["position"],
                "batch": 1,
                "ranks": [],
                "seed": 5,
                "shuffle": True,
                "length": None,
                "spent": False,
            }
        ]
    }
