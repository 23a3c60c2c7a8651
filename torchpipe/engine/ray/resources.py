"""What a `RayClone` asks of its cluster, and whether the cluster has it; without ray itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from torchpipe.graph.clone import RayClone

Amounts = Mapping[str, float]
Nodes = Sequence[Mapping[str, Any]]

ROUNDING = 1e-6
"""Fractions add up to a little more or less than they should."""


def needs(clone: RayClone) -> dict[str, float]:
    """The amounts that a clone takes from its node, by the names that Ray gives them."""
    asked = {"CPU": clone.num_cpus, "GPU": clone.num_gpus, "memory": clone.memory or 0}
    if clone.accelerator_type:
        asked[f"accelerator_type:{clone.accelerator_type}"] = 0.001
    return {name: amount for name, amount in {**asked, **clone.resources}.items() if amount}


def options_of(clone: RayClone) -> dict[str, Any]:
    """The options of the actor."""
    options: dict[str, Any] = {
        "num_cpus": clone.num_cpus,
        "num_gpus": clone.num_gpus,
        "max_restarts": 0,
        "max_task_retries": 0,
    }
    if clone.env:  # with it, Ray starts a process anew; without, it takes one that waits
        options["runtime_env"] = {"env_vars": dict(clone.env)}
    if clone.memory:
        options["memory"] = clone.memory
    if clone.resources:
        options["resources"] = dict(clone.resources)
    if clone.accelerator_type:
        options["accelerator_type"] = clone.accelerator_type
    if clone.labels:
        options["label_selector"] = dict(clone.labels)
    return options


def environment(clone: RayClone) -> dict[str, str]:
    """The environment of the process: it sees the GPU that it is pinned to; or none at all."""
    seen: dict[str, str] = {}
    if clone.gpu is not None:
        seen = {"CUDA_VISIBLE_DEVICES": str(clone.gpu)}
    elif not clone.num_gpus:
        seen = {"CUDA_VISIBLE_DEVICES": ""}
    return {**seen, **clone.env}


def misplaced(clone: RayClone, nodes: Nodes) -> str | None:
    """Why no node could run the clone, as the end of a sentence; None if one could.

    Args:
        clone: Its specification.
        nodes: As from `ray.nodes()`.
    """
    asked, alive = needs(clone), [node for node in nodes if node["Alive"]]
    places = [node for node in alive if is_meant(node, clone)]
    if not places:
        return f"there is no {meant(clone)}; there are: {'; '.join(map(told, alive))}."
    if any(has(node["Resources"], asked) for node in places):
        return None
    most = {name: max(node["Resources"].get(name, 0) for node in places) for name in asked}
    short = {n: a for n, a in asked.items() if most[n] < a} or asked
    return (
        f"it asks for {amounts(short)}, which no node has. The cluster has "
        f"{'; '.join(map(told, places))}. Ask for less, or add a node."
    )


def overbooked(asked: Sequence[Amounts], nodes: Nodes) -> str | None:
    """Why these clones cannot all run at once, as the end of a sentence; None if they can."""
    there, wanted = Counter[str](), Counter[str]()
    for node in nodes:
        there.update(node["Resources"] if node["Alive"] else {})
    for one in asked:
        wanted.update(one)
    short = {name: a for name, a in wanted.items() if a > there[name] + ROUNDING}
    if not short:
        return None
    return (
        f"with it, all clones ask for {amounts(short)}, and the cluster has "
        f"{amounts({name: there[name] for name in short})}. Use fewer clones, let each ask for "
        f"less, or add a node."
    )


def occupied(asked: Amounts, free: Amounts) -> str | None:
    """Why a clone waits, as the end of a sentence; None if what it asks for is free."""
    short = {name: a for name, a in asked.items() if free.get(name, 0) < a}
    if not short:
        return None
    return (
        f"it asks for {amounts(short)}, and {amounts({n: free.get(n, 0) for n in short})} is free "
        f"now: others hold the rest. Wait for them, or ask for less."
    )


def is_meant(node: Mapping[str, Any], clone: RayClone) -> bool:
    """Whether the clone may run on a node, by its name and labels."""
    labels = node.get("Labels") or {}
    if any(labels.get(name) != value for name, value in clone.labels.items() if plain(value)):
        return False
    return clone.node is None or node["NodeID"] == node_id(clone.node, [node])


def plain(label: str) -> bool:
    """Whether a label is a value, not one of the conditions that Ray knows."""
    return not label.startswith(("!", "in(", "!in("))


def node_id(name: str, nodes: Nodes) -> str | None:
    """The id of the node with this id (or its beginning), address or host name."""
    for node in nodes:
        names = (node.get("NodeManagerAddress"), node.get("NodeManagerHostname"))
        if node["NodeID"].startswith(name) or name in names:
            return str(node["NodeID"])
    return None


def has(there: Amounts, asked: Amounts) -> bool:
    """Whether all that is asked for is there."""
    return all(there.get(name, 0) >= wanted for name, wanted in asked.items())


def told(node: Mapping[str, Any]) -> str:
    """A node in words: what it has, without what Ray adds for itself."""
    own = ("node:", "object_store")
    shown = {n: a for n, a in sorted(node["Resources"].items()) if not n.startswith(own)}
    labels = {n: v for n, v in (node.get("Labels") or {}).items() if not n.startswith("ray.io/")}
    named = f" with labels {labels}" if labels else ""
    return f"node {node['NodeManagerAddress']}{named}: {amounts(shown) or 'nothing'}"


def meant(clone: RayClone) -> str:
    """The node that a clone asks for, in words."""
    name = f"node {clone.node!r}" if clone.node else "node"
    return f"{name} with labels {dict(clone.labels)}" if clone.labels else name


def amounts(of: Amounts) -> str:
    """Amounts of resources in words."""
    return ", ".join(amount(name, value) for name, value in of.items())


def amount(name: str, value: float) -> str:
    """An amount of a resource in words, such as "2 CPU"."""
    return f"{value / 2**30:.1f} GiB memory" if name == "memory" else f"{value:g} {name}"
