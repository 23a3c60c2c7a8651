"""`DataLoaderSource`: an existing DataLoader as a source."""

from __future__ import annotations

import operator
from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from torch import Tensor
from torch.utils.data import DataLoader

from torchpipe.cells.seeded import seeded
from torchpipe.errors import ParameterError, RunError
from torchpipe.graph.cell import Cell
from torchpipe.graph.port import Output, Ports

Split = Callable[[Any], Iterable[Any]]


class DataLoaderSource(Cell):
    """Gives what a `torch.utils.data.DataLoader` gives: one item per batch, or one per sample.

    A loader that shuffles does so by the run's seed and the epoch, unless it has a generator of its
    own. A sampler with `set_epoch` (`DistributedSampler`) is told the epoch, counted from 0. When a
    run seeks, the items before are read and thrown away: so what the dataset draws at random stays
    as it would be. The worker processes of the loader end with the epoch, early or not; with
    `persistent_workers=True` they belong to the loader and live as long as it does.

    Args:
        loader: The loader, labelled or not.
        ports: Names of the outputs, one for each part of a batch: ("image", "label"). The parts of
            a tuple or list are taken in order, those of a mapping by name. Without names there is
            one output, `out`, and an item is whatever the loader gives.
        unbatch: Give the samples of each batch, one by one, without the batch dimension: the rows
            of its tensors (views that share the batch's memory) and what stands in its lists. A
            function gives the samples of a batch in its own way.

    Raises:
        ParameterError: `unbatch` for a loader that makes no batches; a name that is none.
        RunError: A batch has not the parts that `ports` names, or they have different numbers of
            samples; raised when it is read.

    >>> import torch, torchpipe as tp
    >>> from torch.utils.data import DataLoader, TensorDataset
    >>> data = TensorDataset(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0, 1, 0]))
    >>> source = tp.DataLoaderSource(DataLoader(data, batch_size=2), ports=("x", "y"))
    >>> [(x.tolist(), y.tolist()) for x, y in source.forward()]
    [([1.0, 2.0], [0, 1]), ([3.0], [0])]
    >>> unlabelled = DataLoader([1.0, 2.0, 3.0], batch_size=2)
    >>> [x.item() for x in tp.DataLoaderSource(unlabelled, unbatch=True).forward()]
    [1.0, 2.0, 3.0]
    """

    def __init__(
        self,
        loader: DataLoader[Any],
        *,
        ports: Sequence[str] = (),
        unbatch: bool | Split = False,
    ):
        super().__init__()
        self.loader, self.ports, self.unbatch = loader, checked_names(ports), unbatch
        self.epoch = -1
        if unbatch is True and loader.batch_sampler is None:
            raise ParameterError(
                "cannot unbatch a DataLoader with batch_size=None: it gives samples already. Leave "
                "out `unbatch`."
            )

    def _make_outputs(self) -> Ports[Output]:
        return Ports([Output(self, name, Any) for name in self.ports or ("out",)])

    @property
    def _packing(self) -> Any:
        return namedtuple("Parts", self.ports) if len(self.ports) > 1 else None

    def reset(self) -> None:
        self.seek(self.epoch + 1, 0)

    def seek(self, epoch: int, item: int) -> bool:
        """Tell the sampler the epoch; the items before are read and thrown away."""
        self.epoch = epoch
        for owner in (self.loader, self.loader.batch_sampler):
            set_epoch = getattr(getattr(owner, "sampler", None), "set_epoch", None)
            if set_epoch is not None:
                set_epoch(self.epoch)
        return False

    def forward(self) -> Iterator[Any]:
        """One batch, or sample, after the other."""
        order = None if self._context is None else self.seed  # of the epoch's first item
        for batch in ordered(self.loader, order):
            for item in self._items(batch):
                yield self._parts(item) if self.ports else item

    def _items(self, batch: Any) -> Iterable[Any]:
        """The items of a batch: its samples, or itself."""
        if not self.unbatch:
            return (batch,)
        return samples(batch) if self.unbatch is True else self.unbatch(batch)

    def _parts(self, item: Any) -> Any:
        """The parts of an item, in the order of the ports: the values of the outputs.

        Raises:
            RunError: They are not there.
        """
        try:
            values = [item[name] for name in self.ports] if isinstance(item, Mapping) else item
        except KeyError:
            values = ()
        if not isinstance(values, tuple | list) or len(values) != len(self.ports):
            raise RunError(
                f"cannot take {', '.join(self.ports)} from what the DataLoader gives: it is "
                f"{shown(item)}. Name its parts in `ports`, or leave `ports` out."
            )
        return tuple(values) if len(values) > 1 else values[0]

    def __length_hint__(self) -> int:
        """How many items an epoch has; 0 where the dataset does not say."""
        batches = operator.length_hint(self.loader, 0)
        if not self.unbatch:
            return batches
        most = batches * (self.loader.batch_size or 0)
        return min(most, operator.length_hint(self.loader.sampler, most))

    def describe(self) -> str:
        return ", ".join([type(self.loader.dataset).__name__, *self.ports])


def checked_names(ports: Sequence[str]) -> tuple[str, ...]:
    """The names of outputs.

    Raises:
        ParameterError: They cannot be that.
    """
    names = (ports,) if isinstance(ports, str) else tuple(ports)
    try:
        namedtuple("Parts", names)
    except ValueError as error:
        raise ParameterError(
            f"cannot name the outputs {', '.join(names)}: {str(error)[:1].lower()}{str(error)[1:]}."
        ) from None
    return names


def ordered(loader: DataLoader[Any], seed: int | None) -> Iterator[Any]:
    """What the loader gives, in an order that depends on the seed if it shuffles."""
    with seeded(seed):
        batches = iter(loader)
        first = list(islice(batches, 1))  # the sampler draws its order with the first batch
    while first:
        yield first.pop()
    yield from batches


def samples(batch: Any) -> Iterable[Any]:
    """The samples of a batch that torch's `default_collate` made.

    Raises:
        RunError: Its parts have different numbers of samples, or one is no batch.
    """
    if isinstance(batch, Tensor) and batch.ndim:
        return batch.unbind(0)
    if isinstance(batch, Mapping):
        columns = [list(samples(part)) for part in batch.values()]
        return [dict(zip(batch, row, strict=True)) for row in rows(columns)]
    if isinstance(batch, tuple | list):
        return batch if is_column(batch) else rows([list(samples(part)) for part in batch])
    raise RunError(
        f"cannot unbatch {shown(batch)}: it has no samples. Pass a function as `unbatch` that "
        f"gives the samples of a batch."
    )


def rows(columns: list[list[Any]]) -> list[tuple[Any, ...]]:
    """One value of each column for each sample."""
    if len({len(column) for column in columns}) > 1:
        counts = ", ".join(str(len(column)) for column in columns)
        raise RunError(
            f"cannot unbatch what the DataLoader gives: its parts have {counts} samples. Pass a "
            f"function as `unbatch` that gives the samples of a batch."
        )
    return list(zip(*columns, strict=True))


def is_column(values: Sequence[Any]) -> bool:
    """Whether there is one value per sample, such as text; else these are the collated parts."""
    return not all(isinstance(value, Tensor | Mapping | tuple | list) for value in values)


def shown(item: Any) -> str:
    """What a batch is, in a few words."""
    kind = type(item).__name__
    if isinstance(item, Mapping):
        return f"a {kind} of {', '.join(map(str, item))}"
    return f"a {kind} of {len(item)}" if isinstance(item, tuple | list) else f"a {kind}"
