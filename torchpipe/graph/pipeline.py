"""`Pipeline`: cells joined by a symbolic `build`; itself a cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from torchpipe.errors import CheckError, ConnectError, GraphError
from torchpipe.graph.build import building
from torchpipe.graph.cell import Cell
from torchpipe.graph.port import Connection, Input, Output, Ports, inputs_of
from torchpipe.graph.types import is_named_tuple

if TYPE_CHECKING:
    from torchpipe.engine.run import Run


@dataclass
class Graph:
    """What one run of `build` connected.

    Attributes:
        arguments: The arguments of `build`, as outputs seen from inside.
        results: What `build` returned, by name.
        packing: How results are put together: None (one value), tuple, dict, or a NamedTuple class.
    """

    arguments: dict[str, Output]
    results: dict[str, Output]
    packing: Any


class Pipeline(Cell):
    """Cells joined together. Assign them in `__init__`, connect them in `build`.

    `build` runs once and is symbolic: calling a cell connects it. With arguments it makes an *open*
    pipeline, whose arguments are its inputs: it nests in others and runs as a function. Without, the
    pipeline is *closed*, and its sources start the stream.

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

    _cells: dict[str, Cell]
    build: Callable[..., Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Prepare the list of cells, so that a forgotten `super().__init__()` breaks nothing."""
        pipeline = super().__new__(cls, *args, **kwargs)
        pipeline.__dict__["_cells"] = {}
        return pipeline

    def __setattr__(self, name: str, value: Any) -> None:
        private = name.startswith("_")
        object.__setattr__(self, name, value if private else self._adopted(name, value))

    def _adopted(self, name: str, value: Any) -> Any:
        """Give every cell in the value (one, or in a list, tuple or dict) its name and place."""
        if isinstance(value, Cell):
            return self.add(value, name)
        if type(value) in (list, tuple):
            return type(value)(self._adopted(f"{name}.{i}", part) for i, part in enumerate(value))
        if type(value) is dict:
            return {key: self._adopted(f"{name}.{key}", part) for key, part in value.items()}
        return value

    def add(self, cell: Cell, name: str = "") -> Cell:
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
        if cell._parent is not None or cell is self:
            raise GraphError(
                f"cannot add {cell.path} to {self.path} as {name!r}: it has a place in "
                f"{cell._parent_path} already. Make a second {type(cell).__name__}."
            )
        if "graph" in self.__dict__:
            raise GraphError(f"cannot add {name!r} to {self.path}: its `build` has run already.")
        if name in self._cells:
            self._cells[name]._parent = None
        self._cells[name] = cell
        cell._parent, cell._name = self, name
        return cell

    @cached_property
    def graph(self) -> Graph:
        """What `build` connects; it runs once, when this is first asked for."""
        if not callable(getattr(self, "build", None)):
            raise GraphError(f"{self.path} has no `build`: write one that connects its cells.")
        arguments = {
            port.name: Output(self, port.name, port.type, argument=True)
            for port in inputs_of(self, self.build)
        }
        with building(self):
            returned = self.build(**arguments)
        names, packing = named(returned)
        for name, value in names.items():
            self._refuse_result(name, value)
        return Graph(arguments, names, packing)

    def _refuse_result(self, name: str, value: Any) -> None:
        if not isinstance(value, Output):
            raise ConnectError(
                f"{self.path}.build returned {value!r} as {name!r}: an output of one of its cells is "
                f"expected. Return what a cell gave."
            )
        scope = value.cell if value.argument else value.cell._parent
        if scope is not self:
            raise ConnectError(f"{self.path}.build returned {value}, which lies in another pipeline.")

    def port_function(self) -> Callable[..., Any]:
        """`build`: its parameters are the inputs."""
        return self.build

    def _make_outputs(self) -> Ports[Output]:
        return Ports([Output(self, name, out.type) for name, out in self.graph.results.items()])

    @property
    def packing(self) -> Any:
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
        assert self.graph is not None
        for cell in self._cells.values():
            if isinstance(cell, Pipeline):
                yield from cell._leaves()
            else:
                yield cell

    @property
    def connections(self) -> list[Connection]:
        """All connections, of nested pipelines too."""
        assert self.graph is not None
        found = []
        for cell in self._cells.values():
            ports: Iterator[Input] = iter(cell.inputs.values())
            found += [port.connection for port in ports if port.connection is not None]
            found += cell.connections if isinstance(cell, Pipeline) else []
        return found

    def visible_outputs(self) -> list[Output]:
        """The outputs that a cell here could be connected to, so far."""
        return [port for cell in self._cells.values() for port in cell.__dict__.get("outputs", {}).values()]

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
            **options: `window`, `seed`, `stall_after`: see `torchpipe.Run`.

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


def free_name(wanted: str, taken: dict[str, Any]) -> str:
    """The wanted name, with a number if it is taken."""
    name, number = wanted, 2
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    return name


def named(returned: Any) -> tuple[dict[str, Any], Any]:
    """Name what `build` returned, and say how to put values together in the same way."""
    if returned is None:
        return {}, None
    if isinstance(returned, dict):
        return dict(returned), dict
    if is_named_tuple(type(returned)):
        return returned._asdict(), type(returned)
    if isinstance(returned, tuple | list):
        names: dict[str, Any] = {}
        for value in returned:
            wanted = output_name(value) if isinstance(value, Output) else "out"
            names[free_name(wanted, names)] = value
        return names, tuple
    return {"out": returned}, None


def output_name(output: Output) -> str:
    """What to call a result: its port's name, or that of the cell if the port's says nothing."""
    return output.name if output.name != "out" else output.cell._name.replace(".", "_")
