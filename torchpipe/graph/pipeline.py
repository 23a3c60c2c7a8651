"""`Pipeline`: cells joined by a symbolic `build`; itself a cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from torchpipe.errors import CheckError, GraphError
from torchpipe.graph.build import Graph, built, free_name
from torchpipe.graph.cell import Cell
from torchpipe.graph.children import adopted, let_go, refuse_built, refuse_placed, refuse_taken
from torchpipe.graph.definition import Definition
from torchpipe.graph.port import Connection, Output, Ports
from torchpipe.graph.reserved import refuse_hidden, refuse_hiding

if TYPE_CHECKING:
    from torchpipe.engine.run import Run


class Pipeline(Definition):
    """Cells joined together. Assign them in `__init__`, connect them in `build`.

    `build` runs once and is symbolic: calling a cell connects it. With arguments it makes an *open*
    pipeline, whose arguments are its inputs: it nests in others and runs as a function. Without,
    the pipeline is *closed*, and its sources start the stream.

    Attributes:
        window: Most items alive in each region when `run` is not told otherwise; None leaves it to
            the number of clones. Set it where items are large.

    >>> import torchpipe as tp
    >>> class Squares(tp.Pipeline):
    ...     def __init__(self, count: int):
    ...         super().__init__()
    ...         self.numbers = tp.Source(range(count))
    ...         self.square = tp.ScaleUp(tp.cell(lambda x: x * x), clones=2)
    ...     def build(self):
    ...         return self.square(self.numbers())
    >>> with Squares(4).run() as run:
    ...     list(run)
    [0, 1, 4, 9]
    """

    build: Callable[..., Any]
    window: int | None = None

    _cells: dict[str, Cell]
    _defined: dict[str, Cell]  # without those that `build` added
    _failure: Exception | None = None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Prepare the list of cells, so that a forgotten `super().__init__()` breaks nothing."""
        pipeline = super().__new__(cls, *args, **kwargs)
        pipeline._cells = {}
        return pipeline

    def __setattr__(self, name: str, value: Any) -> None:
        if not name.startswith("_"):
            let_go(self, name)
            value = adopted(self, name, value)
            refuse_hiding(self, Pipeline, name, value)
        object.__setattr__(self, name, value)

    def place(self, cell: Cell, name: str = "") -> Cell:
        """Give the cell a place in this pipeline.

        Args:
            cell: A cell that has no place yet.
            name: Its name; without one, its class name in lower case, numbered if need be.

        Returns:
            The cell that has the place: a copy, for a cell made by `tp.cell`.

        Raises:
            GraphError: The cell has a place already, or the name is taken.
        """
        cell = cell.fresh()
        name = name or free_name(cell.suggested_name, self._cells)
        refuse_placed(self, cell, name)
        refuse_built(self, name)
        refuse_taken(self, name)
        refuse_hidden(cell)
        self._cells[name] = cell
        cell._parent, cell._name = self, name
        return cell

    @cached_property
    def graph(self) -> Graph:
        """What `build` connects; it runs once, when this is first asked for."""
        if self._failure is not None:
            raise self._failure
        self._defined = dict(self._cells)
        try:
            return built(self)
        except Exception as error:
            self._failure = error
            raise

    def port_function(self) -> Callable[..., Any]:
        """`build`: its parameters are the inputs.

        Raises:
            GraphError: The pipeline has no `build`.
        """
        if not callable(getattr(self, "build", None)):
            raise GraphError(f"{self.path} has no `build`: write one that connects its cells.")
        return self.build

    def _make_outputs(self) -> Ports[Output]:
        return Ports([Output(self, name, out.type) for name, out in self.graph.results.items()])

    @property
    def _packing(self) -> Any:
        """How results are put together: see `Graph`."""
        return self.graph.packing

    @property
    def _path_of_children(self) -> str:
        """What their paths start with: nothing, in the outermost pipeline."""
        return "" if self._parent is None else self.path

    @property
    def is_open(self) -> bool:
        """Whether it has inputs."""
        return len(self.inputs) > 0

    @property
    def children(self) -> dict[str, Cell]:
        """The cells directly in this pipeline, by name."""
        return dict(self._cells)

    @property
    def cells(self) -> dict[str, Cell]:
        """All cells that run, of nested pipelines too, by dotted path."""
        return {cell.path: cell for cell in self._leaves()}

    def _leaves(self) -> Iterator[Cell]:
        """Every cell that is not a pipeline, in the order of definition."""
        _ = self.graph  # `build` may add cells
        for cell in self._cells.values():
            if isinstance(cell, Pipeline):
                yield from cell._leaves()
            else:
                yield cell

    @property
    def connections(self) -> list[Connection]:
        """All connections, of nested pipelines too."""
        _ = self.graph  # `build` makes them
        found = []
        for cell in self._cells.values():
            ports = cell.inputs.values()
            found += [port.connection for port in ports if port.connection is not None]
            found += cell.connections if isinstance(cell, Pipeline) else []
        return found

    def visible_outputs(self) -> list[Output]:
        """The outputs that a cell here could be connected to, so far."""
        known = [cell.__dict__.get("outputs", {}) for cell in self._cells.values()]
        return [port for outputs in known for port in outputs.values()]

    def check(self) -> None:
        """Find everything that is wrong with this pipeline.

        Raises:
            CheckError: With all findings at once.
        """
        from torchpipe.graph.check import findings

        found = findings(self)
        if found:
            raise CheckError(self.path, found)

    def run(self, **options: Any) -> Run:
        """Check, deploy and start the pipeline.

        Args:
            **options: `window`, `seed`, `ray_address` and more: see `torchpipe.Run`.

        Returns:
            The pipeline in motion. Use it in a `with` block, which stops it at the end.
        """
        from torchpipe.engine.run import Run  # the one arrow up: a definition knows how to start

        return Run(self, **options)

    def pull(self) -> Any:
        """Run one step and return its outputs; the first call deploys, `stop` ends it.

        Raises:
            StopIteration: The stream has ended.
        """
        return self._running().pull()

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Run an open pipeline on these inputs; the first call deploys, `stop` ends it."""
        return self._running()(*args, **kwargs)

    def stop(self) -> None:
        """End what `pull` or a direct call started."""
        run = self.__dict__.pop("_run", None)
        if run is not None:
            run.stop()

    def _running(self) -> Run:
        if "_run" not in self.__dict__:
            self.__dict__["_run"] = self.run()
        run: Run = self.__dict__["_run"]
        return run

    def __getstate__(self) -> dict[str, Any]:
        """Copies and pickles have the cells, and connect them anew."""
        state = super().__getstate__()
        state["_cells"] = state.pop("_defined", self._cells)
        for name in ("graph", "_failure", "_run"):
            state.pop(name, None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name, cell in self._cells.items():
            cell._parent, cell._name = self, name

    def __str__(self) -> str:
        from torchpipe.graph.draw import tree

        return tree(self)

    def to_mermaid(self) -> str:
        """The graph as Mermaid text."""
        from torchpipe.graph.draw import mermaid

        return mermaid(self)

    def to_dot(self) -> str:
        """The graph as Graphviz DOT text."""
        from torchpipe.graph.draw import dot

        return dot(self)

    def _repr_mimebundle_(self, **_: Any) -> dict[str, str]:
        """Display itself in Jupyter."""
        return {"text/vnd.mermaid": self.to_mermaid(), "text/plain": str(self)}
