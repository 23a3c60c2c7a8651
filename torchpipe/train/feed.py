"""`Feed`: a pipeline as the data loader of a training loop."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Self

from torchpipe.engine.run import Run
from torchpipe.graph.cell import Cell
from torchpipe.train.agreement import Agreement
from torchpipe.train.dataloader import as_dataloader
from torchpipe.train.epoch import Epoch
from torchpipe.train.iteration import Iteration
from torchpipe.train.making import Making
from torchpipe.train.motion import Motion
from torchpipe.train.order import Indexed
from torchpipe.train.position import Position, position_of
from torchpipe.train.shard import Sharing, Uneven, current_shard

if TYPE_CHECKING:
    import torch
    from torch.utils.data import DataLoader

LAST_CALL = 1.0  # seconds that `close` waits for a batch that is being made, beyond the run's own


class Feed:
    """Gives the batches of a pipeline, epoch after epoch, and can go on at any of them later.

    Either the pipeline is open, and `data` is what it gets, sample by sample: the feed shuffles it
    and shares it among ranks. Or the pipeline is closed, and its own sources give the samples. Each
    loop is an epoch. Nothing runs before the first batch is asked for; then clones are set up once
    and stay warm, from epoch to epoch. They end with `close`, at the end of a `with` block, at an
    error, or when nobody holds the feed any more.

    Args:
        pipeline: What makes samples (or batches); a cell stands for a pipeline of it alone.
        data: A map-style dataset; the pipeline gets `data[index]`, read in one thread. Where
            reading takes long, give `range(len(dataset))`, and let a scaled-up cell read.
        batch_size: How many samples make a batch; None gives what the pipeline gives, one by one.
        collate: Makes a batch of a list of samples; by default what a DataLoader does.
        shuffle: Whether each epoch has an order of its own, from (seed, epoch).
        seed: What all randomness comes from, any integer: see `Cell.seed`.
        drop_last: Whether to leave out a last, smaller batch.
        uneven: What becomes of samples that the ranks cannot share evenly: "drop" leaves them
            out, "pad" repeats some from the start of the epoch, "error" raises.
        rank: Which samples to give: of each `world` in a row, this one. By default what
            `torch.distributed` says when an epoch starts.
        world: How many ranks there are.
        device: Where batches are copied ahead of time, such as "cuda"; None leaves them.
        prefetch: How many batches are made ahead, in a thread of the feed; with 0, each is made
            when it is asked for.
        window: Most samples alive in each region of the pipeline: see `Run`.

    Raises:
        CheckError: The pipeline cannot run.
        ParameterError: The arguments do not go together.

    >>> import torchpipe as tp
    >>> from torchpipe.train import Feed
    >>> double = tp.ScaleUp(tp.cell(lambda x: 2.0 * x), clones=2)
    >>> with Feed(double, data=[1, 2, 3], batch_size=2) as feed:
    ...     [batch.tolist() for batch in feed], len(feed), feed.epoch
    ([[2.0, 4.0], [6.0]], 2, 1)
    """

    def __init__(
        self,
        pipeline: Cell,
        data: Indexed | None = None,
        *,
        batch_size: int | None = None,
        collate: Callable[[list[Any]], Any] | None = None,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
        uneven: Uneven = "drop",
        rank: int | None = None,
        world: int | None = None,
        device: str | torch.device | None = None,
        prefetch: int = 2,
        window: int | None = None,
    ):
        current_shard(rank, world)
        self._rank, self._world = rank, world
        self._motion = Motion(pipeline, data, shuffle, seed, uneven, window)
        self._making = Making(Sharing(batch_size, drop_last, uneven), collate, device, prefetch)
        self._given = self._next = Position()
        self._ended = self._watched = False
        self._iteration: Iteration | None = None
        self._agreement: Agreement | None = None

    def __repr__(self) -> str:
        return f"<Feed of {self._motion}, epoch {self.epoch}>"

    # -- batches

    def __iter__(self) -> Iterator[Any]:
        """The batches of the next epoch, or the rest of one that was loaded.

        Nothing happens before the first is asked for. Then an iterator made before gives no more.
        """
        return self._batches()

    def _batches(self) -> Iterator[Any]:
        iteration = self._begin()
        try:
            for made, position, last in iteration.steps():
                self._given, self._ended = position, last
                yield self._making.received(made)
                iteration.refuse_over()
            iteration.refuse_over()  # it may have been closed while this waited
            self._given, self._ended = self._next, False
        except GeneratorExit:
            raise
        except BaseException:
            if iteration is self._iteration:
                self.close()
            raise
        finally:
            iteration.stop()

    def _begin(self) -> Iteration:
        """The next epoch counts from now on; nothing of it runs yet."""
        self._leave()
        self._watch()
        epoch = self._epoch(self._next)
        iteration = Iteration(self._motion, epoch, self._making, self._agreed(epoch))
        self._given, self._next, self._ended = self._next, self._next.after, False
        self._iteration = iteration
        return iteration

    def _leave(self) -> None:
        """End the iteration that is in progress, and wait until it makes no more."""
        if self._iteration is not None:
            self._iteration.stop()
            self._iteration.join()
            self._iteration = None

    def _epoch(self, start: Position) -> Epoch:
        nature, shard = self._motion.nature, current_shard(self._rank, self._world)
        return Epoch(start, shard, self._making.sharing, nature.length, nature.seekable)

    def _agreed(self, epoch: Epoch) -> Agreement | None:
        """Where the ranks agree on the end of an epoch of unknown length."""
        if epoch.length is not None or not epoch.shard.connected or epoch.shard.world == 1:
            return None
        if self._agreement is None or self._agreement.is_over:
            self._agreement = Agreement()
        return self._agreement

    @property
    def _running(self) -> Iteration | None:
        """The iteration in progress."""
        iteration = self._iteration
        return None if iteration is None or iteration.over else iteration

    def __len__(self) -> int:
        """How many batches the epoch has, for each rank.

        Raises:
            TypeError: That is not known: a source does not tell, or samples may be dropped, or
                numbered anew.
        """
        running = None if self._ended else self._running
        epoch = self._epoch(self._next) if running is None else running.epoch
        return epoch.start.batch + epoch.known_batches()

    def as_dataloader(self) -> DataLoader[Any]:
        """This feed in a `torch.utils.data.DataLoader`, for what takes nothing else, as Fabric."""
        return as_dataloader(self)

    # -- where it is

    @property
    def epoch(self) -> int:
        """The epoch that is given, or the next one between two, from 0."""
        return self._given.epoch

    @property
    def position(self) -> int:
        """How many samples of the epoch all ranks together have passed."""
        return self._given.sample

    def state_dict(self) -> dict[str, Any]:
        """What comes after the last batch that was given, as plain numbers.

        After the last batch of an epoch, that is the start of the next one.
        """
        position = self._given.after if self._ended else self._given
        return {**position.state(), **self._motion.signature}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on there with the next loop, on any numbers of clones and ranks.

        Raises:
            StateError: It is no state, or that of a feed that gives other samples.
        """
        position = position_of(state, self._motion.signature)
        self._leave()
        self._given = self._next = position
        self._ended = False

    def set_epoch(self, epoch: int) -> None:
        """Let the next loop be this epoch; if it was to start in the midst of it, it still does."""
        if self._next.epoch != epoch:
            self._next = Position(epoch)
        if self._running is None:
            self._given, self._ended = self._next, False

    # -- life

    @property
    def run(self) -> Run:
        """The run behind: `feed.run.set("cell.level", 3)`, `scale`, `statistics`. It starts now."""
        self._watch()
        return self._motion.run

    def _watch(self) -> None:
        """From now on, end what runs when nobody holds the feed any more."""
        if not self._watched:
            weakref.finalize(self, self._motion.close)
            self._watched = True

    def close(self) -> None:
        """End all threads. Another loop starts them again.

        Raises:
            BaseException: The first error that nobody got yet, such as one of a `teardown`.
        """
        iteration, self._iteration = self._iteration, None
        if iteration is not None:
            iteration.stop()
        self._motion.close()
        if iteration is not None:
            iteration.join(LAST_CALL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def __getstate__(self) -> dict[str, Any]:
        """Another process starts from the same position, with a run of its own."""
        return {**self.__dict__, "_iteration": None, "_agreement": None, "_watched": False}
