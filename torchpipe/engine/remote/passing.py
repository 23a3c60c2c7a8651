"""`Passing`: how the items of a parallel stage are taken and passed on for a clone elsewhere.

Thread clones do all of it in one generated function. A clone in another process has it in pieces:
the arguments of an item are read here, its result comes back later.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torchpipe.engine.compiler.body import Body
from torchpipe.engine.compiler.code import Code
from torchpipe.engine.compiler.values import node_values
from torchpipe.engine.compiler.writer import Writer
from torchpipe.engine.context import Context
from torchpipe.graph.flat import Argument, Node, Value
from torchpipe.graph.plan import Parallel

if TYPE_CHECKING:
    from torchpipe.engine.ring_part import RingPart


class Passing:
    """The pieces, ready to be called.

    Attributes:
        arguments: The arguments of the call as a tuple; HOLE, if there is nothing to call it with.
        store: Puts a result, or a hole, into the item's registers.
        pass_on: Lets go of what was read, and gives the item to the stages after this one.
        hand_over: Gives an item that this stage does nothing with to the stages after it.
    """

    def __init__(self, part: RingPart, stage: Parallel, context: Context):
        writer = part.writer(PassingWriter, lambda node: nothing)
        made = {
            code.name: part.core.ready_function(code, context, part.ring.objects())
            for code in writer.pieces(stage)
        }
        self.arguments, self.store = made["arguments"], made["store"]
        self.taps, self.number = part.core.taps, part.core.ids[stage.node]
        self.pass_on, self.hand_over = made["pass_on"], made["hand_over"]

    def show(self, result: Any) -> None:
        """Let those who look see a result: see `Taps`."""
        if self.taps.armed:
            self.taps.take(self.number, result)


def nothing() -> None:
    """What a clone elsewhere calls here."""


class PassingWriter(Writer):
    """Writes the pieces, each a function of an item: see `Writer`."""

    def pieces(self, stage: Parallel) -> list[Code]:
        """All of them."""
        makers = (self.arguments, self.store, self.pass_on, self.hand_over)
        return [make(stage) for make in makers]

    def arguments(self, stage: Parallel) -> Code:
        """The arguments of the call as a tuple; HOLE, if there is nothing to call it with."""
        code, body = self._piece("arguments", "item", stage)
        given = given_arguments(stage.node)
        reads = "".join(f"{body.argument(stage.node, index, a)}, " for index, a in given)
        absent = body.absent(stage.node)
        code.add(f"return HOLE if {absent} else ({reads})" if absent else f"return ({reads})")
        return code

    def store(self, stage: Parallel) -> Code:
        """Put a result, or a hole, into the item's registers."""
        code, body = self._piece("store", "item, result", stage)
        targets = [body.target(value) for value in node_values(stage.node)]
        with code.block("if result is HOLE:"):
            code.add(" = ".join([*targets, "HOLE"]) if targets else "return")
        with code.block("else:"):
            if all(target == "_" for target in targets):
                code.add("pass")
            else:
                code.add(f"{', '.join(targets)} = result")
        return code

    def pass_on(self, stage: Parallel) -> Code:
        """Let go of what was read, and let the stages after this one have the item."""
        code, _ = self._piece("pass_on", "item", stage)
        code.add_all(self.values.releases(stage))
        self._hand_on(code, stage)
        return code

    def hand_over(self, stage: Parallel) -> Code:
        """Pass on an item that this stage does nothing with."""
        code, _ = self._piece("hand_over", "item", stage)
        self._hand_on(code, stage)
        return code

    def _piece(self, name: str, parameters: str, stage: Parallel) -> tuple[Code, Body]:
        code = self._code(name, parameters)
        return code, PassingBody(code, self.values, [stage.node], [], self.call_of)


class PassingBody(Body):
    """Reads values as they are: those that are held elsewhere are passed on as such."""

    def read(self, value: Value) -> str:
        """The expression that reads the value."""
        return self.raw(value)


def given_arguments(node: Node) -> list[tuple[int, Argument]]:
    """The arguments of the calls of a node; a batch is called with all of them, by position."""
    batching = node.cell is not None and node.cell.batching is not None
    every = list(enumerate(node.arguments))
    return every if batching else [(index, a) for index, a in every if not a.left_out]


def names_of(node: Node) -> tuple[str, ...]:
    """The names of the arguments that must be passed by name; they come last."""
    names: list[str] = []
    for expected, (index, argument) in enumerate(given_arguments(node)):
        if names or index != expected or argument.port.keyword_only:
            names.append(argument.port.name)
    return tuple(names)
