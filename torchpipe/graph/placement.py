"""What may not stand side by side: clones that could get the same GPU without knowing it."""

from __future__ import annotations

from collections.abc import Iterator

from torchpipe.graph.clone import RayClone
from torchpipe.graph.flat import FlatGraph

Placed = tuple[str, RayClone]


def placing(graph: FlatGraph) -> Iterator[str]:
    """Ray gives out GPUs by count, and knows nothing of clones that are pinned to one."""
    clones = [
        (node.path, clone)
        for node in graph.nodes
        for clone in node.clones or ()
        if isinstance(clone, RayClone) and clone.num_gpus
    ]
    pinned = [placed for placed in clones if placed[1].gpu is not None]
    yield from colliding(pinned, [placed for placed in clones if placed[1].gpu is None])
    yield from crowded(pinned)


def colliding(pinned: list[Placed], free: list[Placed]) -> Iterator[str]:
    """A clone that Ray gives a GPU may get the one that another is pinned to."""
    for path, clone in pinned:
        for other_path, other in free:
            if may_meet(clone, other):
                yield (
                    f"cannot place {other_path} ({other}) beside {path} ({clone}), which is pinned "
                    f"to GPU {clone.gpu}: Ray does not know of the pin, and may give both the same "
                    f"GPU. Pin every clone of a node with gpu=..., or none, or name different "
                    f"nodes."
                )


def crowded(pinned: list[Placed]) -> Iterator[str]:
    """Clones that are pinned to one GPU share it, so together they may ask for one at most."""
    taken: dict[tuple[str | None, int | None], float] = {}
    for path, clone in pinned:
        place = clone.node, clone.gpu
        taken[place] = taken.get(place, 0) + clone.num_gpus
        if clone.node is not None and taken[place] > 1:
            yield (
                f"cannot place {path} ({clone}) on GPU {clone.gpu} of node {clone.node}: the "
                f"clones there ask for {taken[place]:g} of it. Give each a fraction: num_gpus=0.5."
            )


def may_meet(one: RayClone, other: RayClone) -> bool:
    """Whether both may be on the same node."""
    if one.node is not None and other.node is not None:
        return one.node == other.node
    return all(other.labels.get(name, value) == value for name, value in one.labels.items())
