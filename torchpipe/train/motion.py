"""`Motion`: the pipeline of a feed in motion, started anew at any sample of any epoch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from typing import Any

from torchpipe.engine.run import Run
from torchpipe.errors import ParameterError
from torchpipe.graph.cell import Cell
from torchpipe.graph.pipeline import Pipeline
from torchpipe.train.batching import Samples
from torchpipe.train.nature import as_pipeline, nature_of
from torchpipe.train.order import Indexed, Order
from torchpipe.train.shard import Shard, Uneven


class Motion:
    """Deploys the pipeline when it is first needed, and keeps it deployed until it is closed.

    It knows nothing of the feed, so that a feed that nobody holds any more can be collected.

    Args:
        pipeline: The pipeline, or a cell.
        data: What an open pipeline is fed with.
        shuffle: Whether each epoch has an order of its own.
        seed: What all randomness comes from.
        uneven: What becomes of samples that ranks cannot share evenly.
        window: Most samples alive in each region.

    Raises:
        CheckError: The pipeline cannot run.
        ParameterError: The pipeline and the data do not go together.

    Attributes:
        nature: What is known of the pipeline.
    """

    def __init__(
        self,
        pipeline: Cell,
        data: Indexed | None,
        shuffle: bool,
        seed: int,
        uneven: Uneven,
        window: int | None,
    ):
        self.pipeline, self.seed, self.window = as_pipeline(pipeline), seed, window
        self.pipeline.check()
        refuse_contradiction(self.pipeline, data, shuffle)
        self.order = None if data is None else Order(data, shuffle=shuffle, seed=seed)
        self.nature = nature_of(self.pipeline, data)
        if uneven == "pad" and (self.order is None or self.nature.length is None):
            raise ParameterError(
                f"cannot pad what {self.pipeline.path} gives: only samples of data=... whose "
                f"number is known can be repeated. Use uneven='drop' or 'error'."
            )
        self._run: Run | None = None

    @property
    def run(self) -> Run:
        """The run; it starts here, if there is none."""
        if self._run is None:
            stream = None if self.order is None else True
            self._run = Run(self.pipeline, window=self.window, seed=self.seed, stream=stream)
        return self._run

    def __str__(self) -> str:
        """The pipeline, and whether it runs."""
        return f"{self.pipeline.path}, {'at rest' if self._run is None else 'running'}"

    def samples(self, epoch: int, number: int, shard: Shard, stop: int | None) -> Samples:
        """The results of this rank in an epoch, with their numbers.

        Args:
            epoch: The epoch.
            number: The first sample that is wanted; the rank's others follow in steps of `world`.
                Where an epoch cannot be entered anywhere, how many results have been given.
            shard: Whose samples.
            stop: No sample from this number on is read of the dataset.
        """
        if self.nature.seekable:
            return numbered(self.run, self._results(epoch, number, shard, stop), shard.world)
        results = self._results(epoch, shard.rank, shard, stop)
        return islice(enumerate(results), number, None)

    def _results(self, epoch: int, first: int, shard: Shard, stop: int | None) -> Iterator[Any]:
        run = self._sought(epoch, first, shard.world)
        if self.order is None:
            return iter(run)
        end = len(self.order) if stop is None else stop
        return run.map(self.order.samples(epoch, range(first, end, shard.world)))

    def _sought(self, epoch: int, first: int, step: int) -> Run:
        """The run, where an epoch starts.

        In an epoch that was left, a sample that nobody asked for may have failed, which ended the
        run. Then another one starts: if something is wrong with this epoch, that will tell.
        """
        try:
            self.run.seek(epoch, first, step=step)
        except Exception:
            self.close()
            self.run.seek(epoch, first, step=step)
        return self.run

    def leave(self) -> None:
        """Let clones rest soon after an epoch was left: what is inside is dropped."""
        if self._run is not None:
            with suppress(Exception):  # the next epoch starts another run, or tells
                self._run.seek(self._run.epoch + 1)

    def close(self) -> None:
        """End all threads.

        Raises:
            BaseException: The first error that nobody got yet, such as one of a `teardown`.
        """
        run, self._run = self._run, None
        if run is not None:
            run.stop()

    @property
    def signature(self) -> dict[str, Any]:
        """What decides on the samples: it must be the same where a state is loaded."""
        shuffle = self.order is not None and self.order.shuffle
        return {"seed": self.seed, "shuffle": shuffle, "length": self.nature.length}

    def __getstate__(self) -> dict[str, Any]:
        """Another process deploys the pipeline anew."""
        return {**self.__dict__, "_run": None}


def numbered(run: Run, results: Iterator[Any], step: int) -> Samples:
    """Each result, with the number of its sample."""
    for result in results:
        yield run.position.item - step, result


def refuse_contradiction(pipeline: Pipeline, data: Indexed | None, shuffle: bool) -> None:
    """Refuse data that nobody takes, and a lack of it."""
    if pipeline.is_open and data is None:
        raise ParameterError(
            f"cannot feed from {pipeline.path}: it is open, and there is nothing to give to its "
            f"inputs ({', '.join(pipeline.inputs)}). Give data=..., or connect a source to them."
        )
    if not pipeline.is_open and data is not None:
        raise ParameterError(
            f"cannot give data to {pipeline.path}: it has sources of its own. Leave data out, or "
            f"give its `build` an argument."
        )
    if not pipeline.is_open and shuffle:
        raise ParameterError(
            f"cannot shuffle what {pipeline.path} gives: its sources decide on the order. Give its "
            f"`build` an argument and the samples as data=..., or shuffle in the source."
        )
