"""`Body`: the cells of one stage as straight-line code.

Each cell is one line, such as ``a = f3(a, item.r1_0)``. A local variable is used again as soon as
its value has been read for the last time, so that nothing is kept alive longer than needed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from torchpipe.engine.compiler.code import Code
from torchpipe.engine.compiler.values import Values, makes_holes, needed, node_values
from torchpipe.graph.flat import Argument, Node, Value
from torchpipe.graph.port import Constant


class Timed(NamedTuple):
    """Which items are timed, and how that begins and ends."""

    when: str
    begins: str
    ends: str


class Body:
    """Writes the calls of some cells into a function.

    Args:
        code: The function under construction.
        values: Where the values of the region live.
        nodes: The cells, in order.
        kept: Values that are read after the last cell, such as the results.
        call_of: The callable to run for a node.
    """

    def __init__(
        self,
        code: Code,
        values: Values,
        nodes: list[Node],
        kept: Iterable[Value],
        call_of: Callable[[Node], Callable[..., Any]],
    ):
        self.code, self.values = code, values
        self.nodes, self.call_of = nodes, call_of
        self.names: dict[Value, str] = {}
        self.spare: list[str] = []
        self.made = 0
        self.last_use: dict[Value, int] = {}
        self.timed = False
        for index, node in enumerate(nodes):
            late = values.region.numbering.is_recurrent(node)
            self.last_use |= {value: len(nodes) if late else index for value in needed(node)}
        self.last_use |= {value: len(nodes) for value in [*self._recurrent(), *kept]}

    def _recurrent(self) -> list[Value]:
        """The values to be kept for the next item."""
        nodes = (n for n in self.nodes if self.values.region.numbering.is_recurrent(n))
        return [value for node in nodes for value in needed(node)]

    def name(self, value: Value) -> str:
        """A local variable for the value: a spare one, or a new one."""
        if not self.spare:
            self.spare.append(f"v{self.made}")
            self.made += 1
        self.names[value] = self.spare.pop()
        return self.names[value]

    def target(self, value: Value) -> str:
        """What to assign the value to; "_" if nobody reads it."""
        if value in self.values.readers:
            return f"item.{self.values.register(value)}"
        return self.name(value) if value in self.last_use else "_"

    def read(self, value: Value) -> str:
        """The expression that reads the value."""
        return f"here({self.raw(value)})" if value in self.values.held else self.raw(value)

    def raw(self, value: Value) -> str:
        """The expression for the value as it is stored: it may be held elsewhere."""
        return self.names.get(value) or f"item.{self.values.register(value)}"

    def call(self, node: Node) -> str:
        """The expression that calls a cell."""
        function = self.code.bind(f"f{self.values.ids[node]}", self.call_of(node))
        return f"{function}({', '.join(self.arguments(node))})"

    def arguments(self, node: Node) -> list[str]:
        """The arguments of the call, by position as far as none was left out."""
        texts, by_name = [], False
        for index, argument in enumerate(node.arguments):
            by_name = by_name or argument.left_out or argument.port.keyword_only
            if not argument.left_out:
                prefix = f"{argument.port.name}=" if by_name else ""
                texts.append(prefix + self.argument(node, index, argument))
        return texts

    def argument(self, node: Node, index: int, argument: Argument) -> str:
        """One argument: a value, or a constant."""
        if isinstance(argument.source, Value):
            return self.read(argument.source)
        value = (
            argument.source.value
            if isinstance(argument.source, Constant)
            else argument.port.default
        )
        return self.code.bind(f"k{self.values.ids[node]}_{index}", value)

    def absent(self, node: Node) -> str:
        """The condition that one of a cell's values is a hole; empty if none can be."""
        return " or ".join(
            f"{self.raw(v)} is HOLE" for v in dict.fromkeys(needed(node)) if v in self.values.holes
        )

    def emit(
        self, ending: Callable[[Node], bool] = lambda node: False, timed: Timed | None = None
    ) -> None:
        """Write all cells, twice if some items are timed.

        Args:
            ending: May take over a node (one that starts another region).
            timed: Which items are timed, if any.
        """
        if timed is None:
            self._emit_all(ending)
            return
        names, spare, made = dict(self.names), [*self.spare], self.made
        with self.code.block(f"if {timed.when}:"):
            self.code.add(timed.begins)
            self.timed = True
            self._emit_all(ending)
            self.timed = False
            if timed.ends:
                self.code.add(timed.ends)
        before = len(self.code.lines)
        with self.code.block("else:"):
            self.names, self.spare, self.made = names, spare, made
            self._emit_all(ending)
        if len(self.code.lines) == before + 1:
            self.code.lines.pop()

    def _emit_all(self, ending: Callable[[Node], bool]) -> None:
        for index, node in enumerate(self.nodes):
            if node.is_source:
                continue
            if ending(node):
                self.code.add_all([f"{name} = None" for name in self.free(index)])
            elif self.values.region.numbering.is_recurrent(node):
                self._emit_feedback(node)
            else:
                self._emit_call(index, node)
        self._emit_feedback_writes()

    def _emit_feedback(self, node: Node) -> None:
        running = getattr(self.call_of(node), "__self__", None)  # the Feedback itself
        cell = self.code.bind(f"cell{self.values.ids[node]}", running)
        target = self.target(Value(node, 0))
        self.code.add(f"{target} = {cell}.value")
        if self.timed:
            self.show(node, target)

    def _emit_feedback_writes(self) -> None:
        for node in self.nodes:
            if self.values.region.numbering.is_recurrent(node):
                value = needed(node)[0]
                guard = f"if {self.raw(value)} is not HOLE: " if value in self.values.holes else ""
                self.code.add(f"{guard}cell{self.values.ids[node]}.value = {self.read(value)}")

    def _emit_call(self, index: int, node: Node) -> None:
        """Write one call, guarded against holes, and let go of what it read last."""
        call, absent = self.call(node), self.absent(node)
        freed = self.free(index)
        targets = [self.target(value) for value in node_values(node)]
        if absent:
            with self.code.block(f"if {absent}:"):
                self.code.add(" = ".join([*targets, "HOLE"]) if targets else "pass")
            with self.code.block("else:"):
                self._emit_assignment(node, targets, call)
        else:
            self._emit_assignment(node, targets, call)
        for name in freed:
            if name not in targets:
                self.code.add(f"{name} = None")

    def _emit_assignment(self, node: Node, targets: list[str], call: str) -> None:
        """Assign what the cell returns to one target, several, or none."""
        code, path = self.code, node.path
        if not targets:
            code.add(call, path)
        elif all(target == "_" for target in targets):
            code.add(self.shown(node, call) if self.timed else call, path)
        elif len(targets) == 1:
            code.add(f"{targets[0]} = {call}", path)
            if self.timed:
                self.show(node, targets[0])
        else:
            code.add(f"_ = {call}", path)
            if self.timed:
                self.show(node, "_")
            holes = ", ".join(["HOLE"] * len(targets))
            value = f"({holes}) if _ is HOLE else _" if makes_holes(node.cell) else "_"
            code.add(f"{', '.join(targets)} = {value}", path)
            code.add("_ = None")
        self.called(path)

    def called(self, path: str) -> None:
        """Say that a cell has returned, if the item is timed."""
        if self.timed:
            self.code.add(f"context.called({path!r})")

    def show(self, node: Node, output: str) -> None:
        """Let those who look see what a node gave: see `Taps`."""
        self.code.add(f"if taps.armed: {self.shown(node, output)}")

    def shown(self, node: Node, output: str) -> str:
        """The expression that shows it."""
        return f"taps.take({self.values.ids[node]}, {output})"

    def free(self, index: int) -> list[str]:
        """Take back the local variables that are read for the last time by cell number `index`."""
        over = [value for value in self.names if self.last_use.get(value) == index]
        names = [self.names.pop(value) for value in over]
        self.spare += names
        return names

    def forget(self) -> None:
        """Let go of all local variables, before the stage waits for its next item."""
        if self.made:
            self.code.add(" = ".join([f"v{number}" for number in range(self.made)] + ["None"]))
