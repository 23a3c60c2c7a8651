"""`Around`: a cell around another one, whose ports and settings it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torchpipe.graph.cell import Cell
from torchpipe.graph.parameter import Setting, settings
from torchpipe.graph.port import Input, Output, Ports
from torchpipe.graph.reserved import refuse_hidden


def inner(name: str) -> Any:
    """What the cell inside has under this name."""
    return property(
        lambda around: getattr(around.cell, name),
        lambda around, value: setattr(around.cell, name, value),
        doc=f"That of the cell inside: see `Cell.{name}`.",
    )


class Around(Cell):
    """A cell that holds another one: what `ScaleUp` and `tp.Each` have in common.

    Attributes:
        cell: The cell inside.
    """

    cell: Cell

    def _hold(self, cell: Cell) -> None:
        """Take the cell in; its place is here from now on."""
        refuse_hidden(cell)
        self.cell = cell.fresh()
        self.cell._parent = self

    def __setattr__(self, name: str, value: Any) -> None:
        if name in self._settings:
            setattr(self.cell, name, value)
        else:
            object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        if name in self._settings:
            return getattr(self.cell, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    @property
    def _settings(self) -> dict[str, Setting[Any]]:
        """The parameters and configs of the cell inside."""
        return settings(self.__dict__["cell"]) if "cell" in self.__dict__ else {}

    @property
    def _declaring(self) -> type[Cell]:
        """The class of the cell inside."""
        return self.cell._declaring

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        if self.cell._parent is None:  # a shallow copy holds what the definition holds
            self.cell._parent, self.cell._name = self, ""

    @property
    def _path_of_children(self) -> str:
        """The cell inside has the path of the cell around it."""
        return self.path

    def port_function(self) -> Callable[..., Any]:
        """That of the cell inside."""
        return self.cell.port_function()

    @property
    def suggested_name(self) -> str:
        """The name of the cell inside."""
        return self.cell.suggested_name

    @property
    def _packing(self) -> Any:
        """That of the cell inside."""
        return self.cell._packing

    def _make_inputs(self) -> Ports[Input]:
        return Ports(
            [
                Input(self, port.name, port.type, port.default, port.keyword_only)
                for port in self.cell.inputs.values()
            ]
        )

    def _make_outputs(self) -> Ports[Output]:
        return Ports([Output(self, port.name, port.type) for port in self.cell.outputs.values()])
