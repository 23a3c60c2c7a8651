"""`Cell`: one step of a pipeline, with ports made from the signature of its `forward`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from torchpipe.errors import GraphError, RunError
from torchpipe.graph.build import current_build
from torchpipe.graph.clone import Clone, ThreadClone
from torchpipe.graph.policy import Batching, ErrorPolicy
from torchpipe.graph.port import Input, Output, Ports
from torchpipe.graph.reserved import fixed
from torchpipe.graph.signature import inputs_of, outputs_of, returned
from torchpipe.graph.types import is_named_tuple

if TYPE_CHECKING:
    from torchpipe.graph.around import Around
    from torchpipe.graph.pipeline import Pipeline


class Cell:
    """One step of a pipeline. Subclass it and write `forward`.

    The parameters of `forward` are the cell's inputs, the fields of the NamedTuple that it returns
    are its outputs; any other return value is one output named `out`, and with `-> None` there is
    none. A `forward` that yields emits any number of items for each that it takes; a cell without
    inputs is a source.

    A cell is a definition and stays light: what a clone needs (weights, files, devices) is made in
    `setup`. A cell that runs unscaled is copied once, shallowly, for each run; every clone of a
    scaled-up cell is a deep copy.

    Attributes of your own may have any names but those of the methods and properties below: inputs,
    outputs, path, seed, suggested_name, setup, reset and so on.

    Attributes:
        stateful: Whether a result depends on the items before. Then each item passes one clone, in
            order.
        filters: Whether `forward` may return `tp.HOLE`, to drop an item.
        writes: Whether `forward` writes into arrays or tensors that it is given. Then it gets deep
            copies of its arguments; without, whoever else holds them would see it, and a clone in
            another process gets arrays that cannot be written to.
        batching: How a clone groups waiting items for `forward_batch`, or None.
        on_error: "raise", "skip", `tp.Skip(budget)` or `tp.Retry(attempts, then)`.

    >>> import torchpipe as tp
    >>> class Double(tp.Cell):
    ...     def forward(self, x: int) -> int:
    ...         return 2 * x
    >>> Double()(21)
    42
    """

    stateful: bool = False
    filters: bool = False
    writes: bool = False
    batching: Batching | None = None
    on_error: ErrorPolicy = "raise"

    _values: dict[str, Any]
    _configs: dict[str, Any]
    _parent: Pipeline | Around | None
    _name: str
    _deployed: bool
    _context: Any

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:
        """Prepare the cell here, so that a forgotten `super().__init__()` breaks nothing."""
        cell = super().__new__(cls)
        cell.__dict__.update(
            _values={}, _configs={}, _parent=None, _name="", _deployed=False, _context=None
        )
        return cell

    def setup(self, clone: Clone) -> None:
        """Make what this clone needs; called once, in the thread or process where it lives."""

    def reset(self) -> None:
        """Forget the stream so far; called at the start of every epoch, after `setup`."""

    def seek(self, epoch: int, item: int) -> bool:
        """Let the next stream of a source start further on; called after `reset`.

        Args:
            epoch: The epoch of the stream, from 0.
            item: How many items of the stream to leave out.

        Returns:
            Whether it will. If not, as for a source that does not define it, items are read and
            thrown away: that is right, and slow.
        """
        return False

    def finish(self) -> None:
        """Complete what was made of the stream, such as a file; called at the end of an epoch.

        All items have passed by then. It is not called after an error, nor when a stream is left
        early: then only `teardown` is, and whatever is incomplete can be thrown away there.
        """

    def interrupt(self) -> None:
        """Make a call of this cell that is under way return soon: the run stops.

        It is called in another thread than the cell's own, at any time between the beginning of
        `setup` and `teardown`, and must itself return at once. A source that waits for something,
        such as a camera to come back, sets an event here. Cells in other processes are not told:
        their process is ended.
        """

    def teardown(self) -> None:
        """Release what `setup` made; called once, also after an error."""

    def state_dict(self) -> dict[str, Any]:
        """What the cell remembers between items; a stateful cell needs it for `run.save`.

        It is called between two items, where the cell runs. What it returns is copied: plain
        numbers and text, arrays and tensors, and lists, tuples, dicts, named tuples and dataclasses
        of them. Return `{}` if nothing that the cell remembers changes a result. That of a source
        is taken at the start of an epoch, before `seek`.
        """
        return {}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Remember what `state_dict` returned; called after `setup` and `reset`.

        A cell whose `state_dict` returns anything needs it, or the run cannot be saved.
        """

    def flush(self) -> Iterator[Any]:
        """Yield what is left at the end of the stream (cells that yield only)."""
        return iter(())

    forward: Callable[..., Any]

    def forward_batch(self, items: list[tuple[Any, ...]]) -> list[Any]:
        """Run `forward` on several items in one call: define it where `batching` is set.

        Args:
            items: The arguments of `forward`, one tuple per item; 1 to `batching.max_size` items.

        Returns:
            One result per item, in the same order.
        """
        return [self.forward(*item) for item in items]

    def port_function(self) -> Callable[..., Any]:
        """The function whose signature gives the ports; override it to wrap something else.

        Raises:
            GraphError: The cell has no `forward`.
        """
        if not hasattr(self, "forward"):
            raise GraphError(f"{self.path} has no `forward`: write one that does its work.")
        return self.forward

    @cached_property
    def inputs(self) -> Ports[Input]:
        """The inputs, by name."""
        return self._make_inputs()

    @cached_property
    def outputs(self) -> Ports[Output]:
        """The outputs, by name."""
        return self._make_outputs()

    def _make_inputs(self) -> Ports[Input]:
        return Ports(inputs_of(self, self.port_function()))

    def _make_outputs(self) -> Ports[Output]:
        return Ports(outputs_of(self, self.port_function()))

    @property
    def _packing(self) -> Any:
        """How the outputs are put together: see `Graph`."""
        hint = returned(self.port_function())
        return hint if is_named_tuple(hint) else None

    @property
    def _declaring(self) -> type[Cell]:
        """The class that declares the parameters and configs: see `settings`."""
        return type(self)

    @fixed
    def suggested_name(self) -> str:
        """What to call the cell where it is not an attribute."""
        return type(self).__name__.lower()

    @fixed
    def path(self) -> str:
        """Where the cell is: its dotted name from the outermost pipeline, or its class name."""
        above = self._parent._path_of_children if self._parent is not None else ""
        return ".".join(filter(None, (above, self._name))) or type(self).__name__

    @property
    def _parent_path(self) -> str:
        return "no pipeline" if self._parent is None else self._parent.path

    @fixed
    def seed(self) -> int:
        """A 64-bit number for the randomness of the current item.

        It comes from the run's seed, the epoch, the item's number and this cell's path, and so is
        the same for any number and kind of clones.

        Raises:
            RunError: The cell is not running.
        """
        if self._context is None:
            raise RunError(f"{self.path} has no seed now: there is one only while a run calls it.")
        seed: int = self._context.seed_of(self._name)
        return seed

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """In `build`, connect the arguments to the inputs; elsewhere, run `forward` on them."""
        build = current_build()
        if build is not None:
            return build.call(self, args, kwargs)
        if not self._deployed:
            self.setup(ThreadClone())
            self.reset()
            self._deployed = True
        return self.forward(*args, **kwargs)

    def fresh(self) -> Cell:
        """The cell to place when this one is given a place: itself (see `FunctionCell`)."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles leave the graph behind: they are for running, elsewhere."""
        state = dict(self.__dict__)
        for name in ("inputs", "outputs"):
            state.pop(name, None)
        state.update(_parent=None, _name=self.path, _context=None, _deployed=False)
        state.update(_values=dict(self._values), _configs=dict(self._configs))
        return state

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.describe()})"

    def describe(self) -> str:
        """A few words about this cell, shown in drawings: its parameters and configs."""
        given = self._configs | self._values
        return ", ".join(f"{name}={value!r}" for name, value in given.items())
