"""The graph of a pipeline as JSON: cells, connections, settings."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from torchpipe.graph.cell import Cell
from torchpipe.graph.draw import edges_of, role, shown
from torchpipe.graph.flat import FlatGraph, Node, Unbundle, Value, leaves
from torchpipe.graph.parameter import Parameter, Setting, settings
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.types import type_name

RESULTS = "results"
"""The name of the place where results leave, which is no cell."""


def drawing(pipeline: Pipeline) -> dict[str, Any]:
    """What does not change while the pipeline runs."""
    graph = FlatGraph(pipeline)
    return {
        "name": type(pipeline).__name__,
        "doc": first_line(pipeline),
        "open": pipeline.is_open,
        "cells": [*(cell_of(node) for node in shown(graph)), results_of(graph)],
        "connections": [*connections(graph), *to_results(graph)],
    }


def cell_of(node: Node) -> dict[str, Any]:
    """One cell; or the inputs of an open pipeline."""
    inner, found = node.cell, [*leaves(node.cell)]
    outputs = () if inner is None else inner.outputs.values()
    return {
        "path": node.path,
        "kind": "inputs" if inner is None else type(inner).__name__,
        "role": role(node),
        "doc": "" if inner is None else first_line(inner),
        "stateful": any(leaf.stateful for leaf in found),
        "inputs": [f"{one.port.name}: {type_name(one.port.type)}" for one in node.arguments],
        "outputs": [f"{one.name}: {type_name(one.type)}" for one in outputs],
        "parameters": [one for leaf in found for one in parameters_of(leaf)],
        "configs": [one for leaf in found for one in configs_of(leaf)],
    }


def results_of(graph: FlatGraph) -> dict[str, Any]:
    """The place where results leave."""
    told = {"path": RESULTS, "kind": "the consumer", "role": RESULTS, "stateful": False}
    lists = {"inputs": list(graph.result_names), "outputs": [], "parameters": [], "configs": []}
    return told | lists | {"doc": "The loop over the results, or whoever waits for them."}


def first_line(thing: object) -> str:
    """The first line of the docstring of a thing's own class."""
    text = type(thing).__dict__.get("__doc__") or ""
    return text.strip().partition("\n")[0]


def connections(graph: FlatGraph) -> Iterator[dict[str, Any]]:
    """Each connection between cells."""
    for start, name, end in edges_of(graph):
        yield connection(start.path, end.path, name, end.is_feedback)


def to_results(graph: FlatGraph) -> Iterator[dict[str, Any]]:
    """What leaves the pipeline."""
    for name, value in zip(graph.result_names, graph.results, strict=True):
        if isinstance(value, Value):
            node = value.node
            origin = node.parents[0] if isinstance(node.cell, Unbundle) else node
            yield connection(origin.path, RESULTS, name, False)


def connection(start: str, end: str, name: str, feedback: bool) -> dict[str, Any]:
    """One connection."""
    return {"from": start, "to": end, "name": name, "feedback": feedback}


def parameters_of(cell: Cell) -> Iterator[dict[str, Any]]:
    """The live parameters of a cell, with what they take."""
    for name, setting in settings(cell, Parameter).items():
        limits = {key: limit for key, limit in setting.limits.items() if limit is not None}
        yield {
            "path": f"{cell.path}.{name}",
            "name": name,
            "type": kind_of(setting),
            "doc": setting.doc,
            "limits": limits,
            "choices": None if setting.choices is None else [plain(c) for c in setting.choices],
            "value": plain(getattr(cell, name)),
        }


def configs_of(cell: Cell) -> Iterator[dict[str, Any]]:
    """The values that are fixed while the pipeline runs."""
    for name, setting in settings(cell).items():
        if not isinstance(setting, Parameter):
            yield {"name": name, "doc": setting.doc, "value": plain(getattr(cell, name))}


def kind_of(setting: Setting[Any]) -> str:
    """Which control a parameter gets: "bool", "int", "float", "str", "choice" or "other"."""
    if setting.choices is not None:
        return "choice"
    name = type(setting.default).__name__
    return name if name in ("bool", "int", "float", "str") else "other"


def values(pipeline: Pipeline) -> dict[str, Any]:
    """The values of all live parameters, by path."""
    return {
        f"{cell.path}.{name}": plain(getattr(cell, name))
        for cell in leaves(pipeline)
        for name in settings(cell, Parameter)
    }


def plain(value: Any) -> Any:
    """The value as JSON can hold it, or its text.

    >>> plain(0.5), plain(float("inf")), plain((1, 2))
    (0.5, 'inf', '(1, 2)')
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)
    return value if value is None or isinstance(value, bool | int | str) else repr(value)
