"""Drawings of a pipeline: an indented tree, Mermaid and Graphviz DOT."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torchpipe.graph.cell import Cell
from torchpipe.graph.flat import FlatGraph, Node, Value
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.scale import ScaleUp


def tree(pipeline: Pipeline, indent: str = "") -> str:
    """An indented tree, as for `nn.Module`."""
    head = type(pipeline).__name__
    lines = [f"{indent}  ({name}): {branch(cell, indent)}" for name, cell in pipeline.children.items()]
    return "\n".join([f"{head}(", *lines, f"{indent})"]) if lines else f"{head}()"


def branch(cell: Cell, indent: str) -> str:
    """One cell in the tree; pipelines show what is in them."""
    if isinstance(cell, Pipeline):
        return tree(cell, indent + "  ")
    if isinstance(cell, ScaleUp) and isinstance(cell.cell, Pipeline):
        return f"ScaleUp(clones={len(cell.clones)}, {tree(cell.cell, indent + '  ')})"
    return repr(cell)


def mermaid(pipeline: Pipeline) -> str:
    """A Mermaid flowchart; nested pipelines are subgraphs."""
    graph = FlatGraph(pipeline)
    names = {node: f"n{number}" for number, node in enumerate(graph.nodes)}

    def shape(node: Node) -> str:
        left, right = ("[[", "]]") if node.clones is not None else ("([", "])") if node.is_source else ("[", "]")
        return f'{names[node]}{left}"{label(node)}"{right}'

    body = grouped(graph, shape, '  subgraph {name}["{label}"]', "  end")
    edges = [
        f'  {names[start]} {"-.->" if end.is_feedback else "-->"}|{name}| {names[end]}'
        for start, name, end in edges_of(graph)
    ]
    return "\n".join(["flowchart LR", *body, *edges]) + "\n"


def dot(pipeline: Pipeline) -> str:
    """A Graphviz digraph; nested pipelines are clusters."""
    graph = FlatGraph(pipeline)
    names = {node: f"n{number}" for number, node in enumerate(graph.nodes)}

    def shape(node: Node) -> str:
        style = "box3d" if node.clones is not None else "ellipse" if node.is_source else "box"
        return f'{names[node]} [shape={style}, label="{label(node)}"];'

    body = grouped(graph, shape, '  subgraph "cluster_{name}" {{ label="{label}";', "  }")
    edges = [
        f'  {names[start]} -> {names[end]} [label="{name}"{", style=dashed" if end.is_feedback else ""}];'
        for start, name, end in edges_of(graph)
    ]
    return "\n".join(["digraph {", "  rankdir=LR;", *body, *edges, "}"]) + "\n"


def label(node: Node) -> str:
    """A node's name, class and number of clones."""
    name = node.path.rpartition(".")[2]
    kind = "" if node.cell is None else f" : {type(node.cell).__name__}"
    clones = "" if node.clones is None else f" x{len(node.clones)}"
    return f"{name}{kind}{clones}"


def edges_of(graph: FlatGraph) -> Iterator[tuple[Node, str, Node]]:
    """Each connection as (from, name of the output, to)."""
    for node in graph.nodes:
        for argument in node.arguments:
            if isinstance(argument.source, Value):
                start = argument.source.node
                yield start, start.outputs[argument.source.index], node


def grouped(graph: FlatGraph, shape: Callable[[Node], str], opening: str, closing: str) -> list[str]:
    """The nodes' lines, with those of a nested pipeline put into a group, to any depth."""
    lines: list[str] = []
    depth: list[str] = []
    for node in sorted(graph.nodes, key=lambda node: node.path.split(".")[:-1]):
        group = node.path.split(".")[:-1]
        shared = next((i for i, (a, b) in enumerate(zip(depth, group, strict=False)) if a != b), min(len(depth), len(group)))
        lines += ["  " * i + closing for i in range(len(depth) - 1, shared - 1, -1)]
        for level in range(shared, len(group)):
            name = "_".join(group[: level + 1])
            lines.append("  " * level + opening.format(name=name, label=group[level]))
        depth = group
        lines.append("  " * (len(depth) + 1) + shape(node))
    return lines + ["  " * i + closing for i in range(len(depth) - 1, -1, -1)]
