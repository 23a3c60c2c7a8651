"""`Steering`: what may be changed while a run goes on: clones, and live parameters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from torchpipe.engine.core import Core
from torchpipe.engine.planning.autoscaling import Autoscaler
from torchpipe.engine.scaling import rescale
from torchpipe.errors import ParameterError
from torchpipe.graph.cell import Cell
from torchpipe.graph.clone import Clone
from torchpipe.graph.parameter import Config, Parameter, settings


class Steering:
    """The part of a `Run` that changes it."""

    _core: Core
    _definitions: dict[str, Cell]
    _autoscaler: Autoscaler | None

    def scale(self, path: str, clones: int | Iterable[Clone]) -> None:
        """Change the clones of a scaled-up cell; nothing is lost, the order is kept.

        A cell with `clones="auto"` is not scaled by itself from then on.

        Args:
            path: The cell's dotted path.
            clones: How many, of the kind of the last one; or a specification for each. Clones that
                leave first finish the item that they are working on.

        Raises:
            RunError: There is no such cell; or it is stateful, and what it remembers would be lost.
        """
        self._core.refuse_stopped()
        if self._autoscaler is not None:
            self._autoscaler.leave(path)
        rescale(self._core, path, clones)

    def set(self, path: str, value: Any) -> None:
        """Set a live parameter: every clone follows at its next item.

        Args:
            path: The cell's dotted path, a dot, and the parameter's name.
            value: The value; it is checked first.

        Raises:
            ParameterError: There is no such parameter, or it does not take the value.
        """
        cell_path, _, name = path.rpartition(".")
        cell = self._definitions.get(cell_path)
        if cell is not None and name in settings(cell, Config):
            raise ParameterError(
                f"cannot set {path!r}: it is a Config, fixed while the pipeline runs. Stop the "
                f"run first; or make it a tp.Parameter, which is live."
            )
        if cell is None or name not in settings(cell, Parameter):
            there = ", ".join(self._parameters()) or "none"
            raise ParameterError(f"there is no parameter {path!r} to set; there are: {there}.")
        setattr(cell, name, value)

    def _parameters(self) -> Iterator[str]:
        for path, cell in self._definitions.items():
            yield from (f"{path}.{name}" for name in settings(cell, Parameter))
