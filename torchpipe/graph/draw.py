"""Drawings of a pipeline: an indented tree, Mermaid and Graphviz DOT."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torchpipe.graph.cell import Cell
from torchpipe.graph.flat import FlatGraph, Node, Unbundle, Value
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.scale import ScaleUp


def tree(pipeline: Pipeline, indent: str = "") -> str:
    """An indented tree, as for `nn.Module`."""
    head, cells = type(pipeline).__name__, pipeline.children.items()
    lines = [f"{indent}  ({name}): {branch(cell, indent)}" for name, cell in cells]
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
    names = {node: f"n{number}" for number, node in enumerate(shown(graph))}
    brackets = {"scaled": ("[[", "]]"), "source": ("([", "])"), "plain": ("[", "]")}

    def shape(node: Node) -> str:
        left, right = brackets[role(node)]
        return f'{names[node]}{left}"{label(node).replace(QUOTE, "#quot;")}"{right}'

    body = grouped(graph, shape, '  subgraph {name}["{label}"]', "  end")
    edges = [
        f"  {names[start]} {'-.->' if end.is_feedback else '-->'}|{name}| {names[end]}"
        for start, name, end in edges_of(graph)
    ]
    return "\n".join(["flowchart LR", *body, *edges]) + "\n"


def dot(pipeline: Pipeline) -> str:
    """A Graphviz digraph; nested pipelines are clusters."""
    graph = FlatGraph(pipeline)
    names = {node: f"n{number}" for number, node in enumerate(shown(graph))}
    shapes = {"scaled": "box3d", "source": "ellipse", "plain": "box"}

    def shape(node: Node) -> str:
        text = label(node).replace(QUOTE, rf"\{QUOTE}")
        return f'{names[node]} [shape={shapes[role(node)]}, label="{text}"];'

    body = grouped(graph, shape, '  subgraph cluster_{name} {{ label="{label}";', "  }")
    edges = [
        f'  {names[start]} -> {names[end]} [label="{name}"{dashed(end)}];'
        for start, name, end in edges_of(graph)
    ]
    return "\n".join(["digraph {", "  rankdir=LR;", *body, *edges, "}"]) + "\n"


QUOTE = '"'


def role(node: Node) -> str:
    """What a node is drawn as."""
    return "scaled" if node.clones is not None else "source" if node.is_source else "plain"


def label(node: Node) -> str:
    """A node's name, class and number of clones."""
    name = node.path.rpartition(".")[2]
    kind = "" if node.cell is None else f" : {type(node.cell).__name__}"
    clones = "" if node.clones is None else f" x{len(node.clones)}"
    return f"{name}{kind}{clones}"


def dashed(end: Node) -> str:
    """The style of a connection whose value is for the next item."""
    return ", style=dashed" if end.is_feedback else ""


def shown(graph: FlatGraph) -> list[Node]:
    """The nodes that a user knows."""
    return [node for node in graph.nodes if not isinstance(node.cell, Unbundle)]


def edges_of(graph: FlatGraph) -> Iterator[tuple[Node, str, Node]]:
    """Each connection as (from, name of the output, to)."""
    for node in shown(graph):
        for argument in node.arguments:
            if isinstance(argument.source, Value):
                start = argument.source.node
                origin = start.parents[0] if isinstance(start.cell, Unbundle) else start
                yield origin, start.outputs[argument.source.index], node


def grouped(
    graph: FlatGraph, shape: Callable[[Node], str], opening: str, closing: str
) -> list[str]:
    """The nodes' lines, with those of a nested pipeline put into a group, to any depth."""
    lines: list[str] = []
    around: list[str] = []
    count = 0
    for node in sorted(shown(graph), key=lambda node: node.path.split(".")[:-1]):
        groups = node.path.split(".")[:-1]
        shared = common(around, groups)
        lines += closed(around, shared, closing)
        for depth in range(shared, len(groups)):
            lines.append("  " * depth + opening.format(name=f"g{count}", label=groups[depth]))
            count += 1
        around = groups
        lines.append("  " * (len(groups) + 1) + shape(node))
    return lines + closed(around, 0, closing)


def common(one: list[str], other: list[str]) -> int:
    """How many groups two nodes share, from the outermost in."""
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return count


def closed(groups: list[str], shared: int, closing: str) -> list[str]:
    """The lines that close all groups but the first few, the innermost first."""
    return ["  " * depth + closing for depth in range(len(groups) - 1, shared - 1, -1)]
