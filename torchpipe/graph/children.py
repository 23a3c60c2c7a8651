"""The cells in the attributes of a pipeline: each has one name there, and one place in all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torchpipe.errors import GraphError
from torchpipe.graph.cell import Cell
from torchpipe.graph.lookalike import advice, is_cell_class

if TYPE_CHECKING:
    from torchpipe.graph.pipeline import Pipeline


def adopted(pipeline: Pipeline, name: str, value: Any) -> Any:
    """Give every cell in the value (one, or in a list, tuple or dict) its name and place."""
    if isinstance(value, Cell):
        refuse_shadowing(pipeline, name.partition(".")[0])
        return pipeline.place(value, name)
    if is_cell_class(value):
        raise GraphError(f"cannot place {value.__name__} in {pipeline.path}: {advice(value)}")
    if type(value) in (list, tuple):
        parts = enumerate(value)
        return type(value)(adopted(pipeline, f"{name}.{i}", part) for i, part in parts)
    if type(value) is dict:
        return {key: adopted(pipeline, f"{name}.{key}", part) for key, part in value.items()}
    return value


def let_go(pipeline: Pipeline, name: str) -> None:
    """Take its place from every cell in an attribute that is set anew."""
    for known in [known for known in pipeline._cells if known.partition(".")[0] == name]:
        refuse_built(pipeline, known)
        pipeline._cells.pop(known)._parent = None


def refuse_placed(pipeline: Pipeline, cell: Cell, name: str) -> None:
    """Refuse a cell that has a place already, or that the pipeline itself lies in."""
    above: Cell | None = pipeline
    while above is not None and above is not cell:
        above = above._parent
    if cell._parent is not None or above is not None:
        where = "within itself" if above is not None else f"in {cell._parent_path} already"
        raise GraphError(
            f"cannot place {cell.path} in {pipeline.path} as {name!r}: it has a place {where}. "
            f"Make a second {type(cell).__name__}."
        )


def refuse_built(pipeline: Pipeline, name: str) -> None:
    """Refuse any change after `build`, which has connected what was there."""
    if "graph" in pipeline.__dict__:
        raise GraphError(
            f"cannot change {name!r} in {pipeline.path}: its `build` has run already. Make a new "
            f"{type(pipeline).__name__}."
        )


def refuse_taken(pipeline: Pipeline, name: str) -> None:
    """Refuse a name that another cell has."""
    if name in pipeline._cells:
        raise GraphError(
            f"cannot place {name!r} in {pipeline.path}: {pipeline._cells[name]!r} has that name. "
            f"Choose another one."
        )


def refuse_shadowing(pipeline: Pipeline, name: str) -> None:
    """Refuse a name that would hide something that every pipeline has, such as `run`."""
    from torchpipe.graph.pipeline import Pipeline  # which imports this module

    if hasattr(Pipeline, name):
        raise GraphError(
            f"cannot name a cell {name!r} in {pipeline.path}: every pipeline has an attribute of "
            f"that name. Choose another one."
        )
