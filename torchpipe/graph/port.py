"""Ports, and the connections between them: `Input`, `Output`, `Connection`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from torchpipe.errors import ConnectError
from torchpipe.graph.symbol import Symbol
from torchpipe.graph.types import article, fits, type_name

if TYPE_CHECKING:
    from torchpipe.graph.cell import Cell

REQUIRED: Any = inspect.Parameter.empty


class Input:
    """Where a cell takes a value: one parameter of its `forward`.

    Attributes:
        cell: The cell that it belongs to.
        name: The parameter's name.
        type: Its annotation, or `Any`.
        default: The value used when nothing is connected, or `REQUIRED`.
        keyword_only: Whether `forward` takes it by name only.
        connection: What is connected to it, or None.

    >>> import torchpipe as tp
    >>> tp.cell(round).inputs.ndigits.required
    False
    """

    def __init__(
        self, cell: Cell, name: str, type: Any, default: Any = REQUIRED, keyword_only: bool = False
    ):
        self.cell, self.name, self.type = cell, name, type
        self.default, self.keyword_only = default, keyword_only
        self.connection: Connection | None = None

    @property
    def required(self) -> bool:
        """Whether the cell cannot run without a connection here."""
        return self.default is REQUIRED

    @property
    def path(self) -> str:
        """The cell's path, a dot, and the name."""
        return f"{self.cell.path}.{self.name}"

    def __str__(self) -> str:
        return f"{self.path} ({type_name(self.type)})"

    def __repr__(self) -> str:
        return f"<Input {self}>"


class Nothing(Symbol):
    """What a cell without outputs gives in `build`: it cannot be connected.

    Attributes:
        cell: The cell.
    """

    def __init__(self, cell: Cell):
        self.cell = cell

    def __str__(self) -> str:
        return self.cell.path

    def __repr__(self) -> str:
        return f"<Nothing of {self}>"


class Output(Symbol):
    """Where a cell gives a value; in `build`, it stands for that value.

    Attributes:
        cell: The cell that it belongs to.
        name: The field of the NamedTuple that `forward` returns, or "out".
        type: Its annotation, or `Any`.
        connections: All that is connected to it.
        argument: Whether it is an argument of the pipeline `cell`, seen from inside its `build`.

    >>> import torchpipe as tp
    >>> print(tp.Source("abc").outputs.out)
    Source.out (Any)
    """

    def __init__(self, cell: Cell, name: str, type: Any, argument: bool = False):
        self.cell, self.name, self.type, self.argument = cell, name, type, argument
        self.connections: list[Connection] = []

    @property
    def path(self) -> str:
        """The cell's path, a dot, and the name."""
        return f"{self.cell.path}.{self.name}"

    def __str__(self) -> str:
        return f"{self.path} ({type_name(self.type)})"

    def __repr__(self) -> str:
        return f"<Output {self}>"


class Constant:
    """A fixed value given to an input in `build`, instead of another cell's output."""

    def __init__(self, value: Any):
        self.value = value
        self.type = type(value)

    def __str__(self) -> str:
        return f"the constant {self.value!r}"


class Connection:
    """One output, or constant, connected to one input: the explicit form of a call in `build`.

    Args:
        source: The output, or a fixed value.
        target: The input.

    Raises:
        ConnectError: The input is taken, the types do not match, or the ports do not lie in the
            same pipeline.

    >>> import torchpipe as tp
    >>> double = tp.cell(lambda x: 2 * x)
    >>> connection = tp.Connection(tp.Source([1]).outputs.out, double.inputs.x)
    >>> connection is double.inputs.x.connection
    True
    """

    def __init__(self, source: Output | Constant, target: Input):
        self.source, self.target = source, target
        self._refuse_taken()
        self._refuse_foreign()
        self._refuse_type()
        target.connection = self
        if isinstance(source, Output):
            source.connections.append(self)

    def __repr__(self) -> str:
        return f"<Connection {self.source} -> {self.target}>"

    def _refuse_taken(self) -> None:
        taken = self.target.connection
        if taken is not None:
            raise ConnectError(
                f"cannot connect {self.source} to {self.target}: {taken.source} is connected to it "
                f"already. A cell has one place in a pipeline: make a second "
                f"{type(self.target.cell).__name__} for another place."
            )

    def _refuse_foreign(self) -> None:
        if not isinstance(self.source, Output):
            return
        cell = self.source.cell
        scope = cell if self.source.argument else cell._parent
        if scope is not self.target.cell._parent:
            owner = scope.path if scope is not None else "no pipeline"
            raise ConnectError(
                f"cannot connect {self.source} to {self.target}: they lie in different pipelines "
                f"({owner} and {self.target.cell._parent_path}). Return the value from the inner "
                f"pipeline's `build`, or pass it in as an argument."
            )

    def _refuse_type(self) -> None:
        if fits(self.source.type, self.target.type):
            return
        expected = article(type_name(self.target.type))
        fixes = [f"connect one of {', '.join(names)}"] if (names := self._alternatives()) else []
        if isinstance(self.source, Constant):
            fixes.append(f"pass {expected}")
        else:
            fixes.append(f"add a cell that turns {type_name(self.source.type)} into {expected}")
        fix = ", or ".join(fixes)
        raise ConnectError(
            f"cannot connect {self.source} to {self.target}: {expected} is expected. "
            f"{fix[0].upper()}{fix[1:]}."
        )

    def _alternatives(self) -> list[str]:
        """The paths of the outputs at hand that would fit."""
        scope = self.target.cell._parent
        return [
            output.path
            for output in (scope.visible_outputs() if scope is not None else [])
            if output.cell is not self.target.cell
            and output.type is not Any
            and fits(output.type, self.target.type)
        ]


P = TypeVar("P", Input, Output)


class Ports(Mapping[str, P]):
    """The inputs or the outputs of a cell, by name: `ports["image"]` or `ports.image`."""

    def __init__(self, ports: list[P]):
        self._ports: dict[str, P] = {port.name: port for port in ports}

    def __getitem__(self, name: str) -> P:
        return self._ports[name]

    def __getattr__(self, name: str) -> P:
        if name in self.__dict__.get("_ports", ()):
            return self._ports[name]
        raise AttributeError(f"no port {name!r}; there are: {', '.join(self._ports) or 'none'}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._ports)

    def __len__(self) -> int:
        return len(self._ports)

    def __repr__(self) -> str:
        return f"<Ports {', '.join(self._ports)}>"
