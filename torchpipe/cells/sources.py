"""Cells that start a stream: from an iterable, a dataset, a folder.

An epoch is one pass over what the source was made from. A source reads only as far as the
pipeline's window asks for, and never copies what it reads. Where it can, it starts further on when
a run seeks; else its items are read and thrown away.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from torchpipe.cells.refusals import refuse_uniterable
from torchpipe.errors import RunError, UsageError
from torchpipe.graph.cell import Cell
from torchpipe.graph.clone import Clone


class Source(Cell):
    """Gives the items of an iterable; every epoch iterates over it anew.

    The items are shared, not copied. The iterator is closed when the epoch ends, early or not.

    Args:
        iterable: Anything to iterate over. A one-shot iterator (a generator, an open file) gives
            one epoch; for several, pass a list or an object whose `__iter__` starts again.

    Raises:
        ParameterError: It cannot be iterated over.
        RunError: A second epoch of a one-shot iterator: it would be empty without a word.

    >>> import torchpipe as tp
    >>> list(tp.Source("abc").forward())
    ['a', 'b', 'c']
    """

    def __init__(self, iterable: Iterable[Any]):
        super().__init__()
        refuse_uniterable("Source", iterable)
        self.iterable = OneShot(iterable) if isinstance(iterable, Iterator) else iterable
        self.first = 0

    def reset(self) -> None:
        self.first = 0

    def seek(self, epoch: int, item: int) -> bool:
        """Start at this item of a list, a range or another sequence; other iterables cannot."""
        jumps = isinstance(self.iterable, Sequence)
        self.first = item if jumps else 0
        return jumps

    def forward(self) -> Iterator[Any]:
        """One item after the other."""
        if self.first and isinstance(self.iterable, Sequence):
            yield from (self.iterable[index] for index in range(self.first, len(self.iterable)))
        else:
            yield from self.iterable

    def __length_hint__(self) -> int:
        """How many items an epoch has, as far as the iterable knows; 0 where it does not."""
        return operator.length_hint(self.iterable, 0)

    def describe(self) -> str:
        return type(self.iterable).__name__


class OneShot:
    """An iterator that says so when it is asked for a second time.

    All copies of a source share one, so that a second run of the same pipeline notices as well.
    """

    def __init__(self, iterator: Iterator[Any]):
        self.iterator = iterator
        self.taken = False

    def __iter__(self) -> Iterator[Any]:
        if self.taken:
            kind = type(self.iterator).__name__
            raise RunError(
                f"cannot start another epoch: the source was made from a {kind}, an iterator that "
                f"gives its items once. Pass a list, or an object whose `__iter__` starts again."
            )
        self.taken = True
        return self.iterator

    def __length_hint__(self) -> int:
        return operator.length_hint(self.iterator, 0)

    def __deepcopy__(self, memo: dict[int, Any]) -> OneShot:
        return self


class Indexed(Protocol):
    """A map-style dataset: `torch.utils.data.Dataset`, a list, anything with these two."""

    def __len__(self) -> int: ...
    def __getitem__(self, index: int, /) -> Any: ...


class DatasetSource(Cell):
    """Gives `dataset[0]`, `dataset[1]`, ... of a map-style dataset, in order.

    An item is read in the source's thread. Where reading is slow, give the *indices* to a scaled-up
    cell that reads: `tp.Source(range(len(dataset)))`.

    Args:
        dataset: Anything with `__len__` and `__getitem__`; shared, not copied.

    >>> import torchpipe as tp
    >>> list(tp.DatasetSource([10, 20, 30]).forward())
    [10, 20, 30]
    """

    def __init__(self, dataset: Indexed):
        super().__init__()
        self.dataset = dataset
        self.first = 0

    def reset(self) -> None:
        self.first = 0

    def seek(self, epoch: int, item: int) -> bool:
        """Start at this item; those before are not read."""
        self.first = item
        return True

    def forward(self) -> Iterator[Any]:
        """One element after the other."""
        for index in range(self.first, len(self.dataset)):
            yield self.dataset[index]

    def __length_hint__(self) -> int:
        """How many items an epoch has."""
        return len(self.dataset)

    def describe(self) -> str:
        return type(self.dataset).__name__


class FolderSource(Cell):
    """Gives the paths of the files in a folder, sorted, as `pathlib.Path`.

    The folder is read at the start of every epoch, all at once.

    Args:
        folder: The folder.
        pattern: Which files, as for `Path.glob`: `*.jpg`, or `**/*.jpg` for folders within as well.

    Raises:
        UsageError: The folder is missing, or holds no such file; raised when the run starts.

    >>> import pathlib, tempfile, torchpipe as tp
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("b.jpg", "a.jpg", "notes.txt"):
    ...         pathlib.Path(folder, name).touch()
    ...     [path.name for path in tp.FolderSource(folder, "*.jpg").forward()]
    ['a.jpg', 'b.jpg']
    """

    def __init__(self, folder: str | Path, pattern: str = "*"):
        super().__init__()
        self.folder = Path(folder)
        self.pattern = pattern
        self.first = 0

    def setup(self, clone: Clone) -> None:
        self.paths()

    def reset(self) -> None:
        self.first = 0

    def seek(self, epoch: int, item: int) -> bool:
        """Start at this file."""
        self.first = item
        return True

    def forward(self) -> Iterator[Path]:
        """One path after the other."""
        yield from self.paths()[self.first :]

    def paths(self) -> list[Path]:
        """The files that are there now, sorted by name."""
        if not self.folder.is_dir():
            problem = "it is a file" if self.folder.exists() else "there is no such folder"
            raise UsageError(
                f"cannot read the folder {self.folder}: {problem}. Give the path of a folder."
            )
        found = sorted(path for path in self.folder.glob(self.pattern) if path.is_file())
        if not found:
            raise UsageError(
                f"cannot find a file {self.pattern} in {self.folder}: {self._contents()}. Give "
                f"another pattern, '**/*' for all files in folders within as well."
            )
        return found

    def _contents(self) -> str:
        """Name a few of those that are there."""
        names = sorted(path.name for path in self.folder.iterdir())
        if not names:
            return "it is empty"
        return f"it holds {', '.join(names[:3])}" + (", ..." if len(names) > 3 else "")

    def describe(self) -> str:
        return f"{self.folder}/{self.pattern}"
