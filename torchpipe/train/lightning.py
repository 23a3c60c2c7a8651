"""`FeedDataModule`: feeds for a Lightning `Trainer`, exactly resumable.

Lightning drops the states of data loaders in some cases, and loads those of one rank on all. So the
DataModule carries them, and positions are those of all ranks together. `acknowledged` tells how
they are known.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any

from lightning.pytorch import LightningDataModule
from lightning.pytorch.utilities import CombinedLoader

from torchpipe.errors import RunError
from torchpipe.train.acknowledged import Acknowledged, Repeated
from torchpipe.train.feed import Feed


class FeedDataModule(LightningDataModule):
    """Gives feeds to a Lightning `Trainer`, and keeps the place of the training feeds.

    Its state is in every checkpoint of the trainer: `trainer.fit(module, datamodule=..., ckpt_path=
    "last")` goes on with the batch after the last one that was trained on. Feeds of validation,
    test and prediction give epoch 0 each time, so that every evaluation is of the same samples.
    All clones end when `fit`, `validate`, `test` or `predict` ends, in whatever way.

    Args:
        train: A feed; or a list or dict of feeds, or a `CombinedLoader` of them.
        val: Feeds for validation, as above.
        test: Feeds for the test, as above.
        predict: Feeds for prediction, as above.
    """

    def __init__(self, train: Any = None, val: Any = None, test: Any = None, predict: Any = None):
        super().__init__()
        self.train, self.val, self.test, self.predict = train, val, test, predict
        self._training = [Acknowledged(feed, self) for feed in feeds_of(train)]
        for stage in ("train", "val", "test", "predict"):
            if getattr(self, stage) is None:
                setattr(self, f"{stage}_dataloader", None)  # so Lightning sees that there is none

    def train_dataloader(self) -> Any:
        """The feeds for training, as the trainer's loop iterates over them."""
        if self.trainer is not None and not all(feed.is_regular for feed in self._training):
            # An epoch that goes on with another number of ranks than it began with has another
            # number of batches than those after it, where Lightning would leave out the rest of
            # them, or not validate. So it shall ask for loaders, and their lengths, in each epoch.
            self.trainer.reload_dataloaders_every_n_epochs = 1  # type: ignore[attr-defined]
        return replaced(self.train, iter(self._training))

    def val_dataloader(self) -> Any:
        """The feeds for validation."""
        return replaced(self.val, map(Repeated, feeds_of(self.val)))

    def test_dataloader(self) -> Any:
        """The feeds for the test."""
        return replaced(self.test, map(Repeated, feeds_of(self.test)))

    def predict_dataloader(self) -> Any:
        """The feeds for prediction."""
        return replaced(self.predict, map(Repeated, feeds_of(self.predict)))

    def on_before_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """The trainer is about to use a batch; the module's own hook is called, too."""
        trainer = self.trainer
        if trainer is None:
            return batch
        if trainer.training:
            for feed in self._training:
                feed.acknowledge()
        return trainer.lightning_module.on_before_batch_transfer(batch, dataloader_idx)

    def state_dict(self) -> dict[str, Any]:
        """Where each training feed goes on, after the last batch that was trained on."""
        return {"train": [feed.state_dict() for feed in self._training]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let each training feed go on there.

        Raises:
            RunError: It is the state of other feeds.
        """
        states = state["train"]
        if len(states) != len(self._training):
            raise RunError(
                f"cannot load the state of {len(states)} training feeds into "
                f"{len(self._training)}: make the FeedDataModule with the feeds it had then."
            )
        for feed, own in zip(self._training, states, strict=True):
            feed.load_state_dict(own)

    def teardown(self, stage: str) -> None:
        """End all clones: the trainer is done."""
        self.close()

    def on_exception(self, exception: BaseException) -> None:
        """End all clones: the trainer failed."""
        self.close()

    def close(self) -> None:
        """End all threads of all feeds; each stands where the next loop starts."""
        with ExitStack() as stack:
            for given in (self.train, self.val, self.test, self.predict):
                for feed in feeds_of(given):
                    stack.callback(feed.close)
        for training in self._training:
            training.settle()


def feeds_of(given: Any) -> list[Feed]:
    """The feeds in a list, a dict or a `CombinedLoader`, in order."""
    return [leaf for leaf in combination(given).flattened if isinstance(leaf, Feed)]


def replaced(given: Any, feeds: Iterator[Any]) -> Any:
    """The same, with these in the places of its feeds."""
    combined = copy.copy(given) if isinstance(given, CombinedLoader) else combination(given)
    leaves = combined.flattened
    combined.flattened = [next(feeds) if isinstance(leaf, Feed) else leaf for leaf in leaves]
    return combined if isinstance(given, CombinedLoader) else combined.iterables


def combination(given: Any) -> CombinedLoader:
    """Loaders in any form, to be seen as a flat list."""
    if isinstance(given, CombinedLoader):
        return given
    return CombinedLoader([] if given is None else given)
