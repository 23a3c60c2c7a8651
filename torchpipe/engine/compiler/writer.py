"""`Writer`: the pieces of which all generated functions are made: calling, timing, passing on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from queue import Empty
from time import perf_counter
from typing import Any

from torchpipe.engine.compiler.body import Body, Timed
from torchpipe.engine.compiler.code import Code
from torchpipe.engine.compiler.values import Values, needed
from torchpipe.engine.item import CLOSED, END, LEFT, RETIRE, STOP
from torchpipe.engine.remote.held import here
from torchpipe.graph.flat import Node, Value
from torchpipe.graph.hole import HOLE
from torchpipe.graph.plan import Parallel, RegionPlan, Serial

PROBES = Timed("item.entered is not None", "context.open_item()", "context.close_item()")
"""In a region with clones, probes are timed."""


class Writer:
    """Writes the pieces of the functions of one region.

    Args:
        plan: The stages of the region.
        values: Where its values live.
        call_of: The callable for a node (its cell's `forward`, guarded if need be).
        results: The values that leave the pipeline from this region.
        packing: How results are put together: see `Graph`.
        names: The names of the results.
        way: The cell that starts the next region on the way to the results, if that is pulled.
        pushes: For each other cell that starts a region: what takes its items.

    Attributes:
        replies: Whether the items are parts of requests that get several results.
        onward: The cells that start the regions on the way to those.
    """

    def __init__(
        self,
        plan: RegionPlan,
        values: Values,
        call_of: Callable[[Node], Callable[..., Any]],
        results: list[Value],
        packing: Any,
        names: list[str],
        way: Node | None,
        pushes: Mapping[Node, Callable[..., Any]],
    ):
        self.plan, self.values, self.call_of = plan, values, call_of
        self.results, self.packing, self.names = results, packing, names
        self.way, self.pushes = way, pushes
        self.replies, self.onward = False, frozenset[Node]()

    def _code(self, name: str, parameters: str = "") -> Code:
        code = Code(name, parameters)
        code.objects |= {"HOLE": HOLE, "END": END, "LEFT": LEFT, "STOP": STOP, "RETIRE": RETIRE}
        code.objects |= {"CLOSED": CLOSED, "clock": perf_counter, "Empty": Empty, "here": here}
        code.objects["nothing"] = iter(()).__next__
        return code

    def _body(self, code: Code, stage: Serial) -> Body:
        kept: list[Value] = []
        if stage is self.plan.serial[-1]:
            kept = [*self.results, *(needed(self.way) if self.way else [])]
        return Body(code, self.values, stage.nodes, kept, self.call_of)

    def _cells(self, code: Code, body: Body, timed: Timed | None = PROBES) -> None:
        """All cells of a serial stage, and the items that go to regions beside the way."""
        body.emit(lambda node: self._start(code, body, node), timed)

    def _start(self, code: Code, body: Body, node: Node) -> bool:
        """Write the call of a cell that starts another region; say whether it was one."""
        if not node.emits_many:
            return False
        if node is not self.way:
            absent = body.absent(node)
            guard = code.block(f"if not ({absent}):") if absent else nullcontext()
            with guard:
                with code.block(f"for out in {body.call(node)}:", node.path):
                    body.called(node.path)
                    whose = "future, " if node in self.onward else ""
                    out = "*out" if len(node.outputs) > 1 else "out"
                    code.add(f"{self._push(code, node)}({whose}{out})")
                    if body.timed:
                        code.add("context.mark = clock()")
                body.called(node.path)
        return True

    def _push(self, code: Code, node: Node) -> str:
        return code.bind(f"push{self.values.ids[node]}", self.pushes[node])

    @contextmanager
    def _timed(self, code: Code, timed: bool) -> Iterator[None]:
        """Count the time within as busy, if `timed`."""
        if timed:
            self._open(code)
        yield
        if timed:
            self._close(code)

    def _open(self, code: Code) -> None:
        """From here on the thread is busy: see `Times`."""
        code.add("t = clock()")
        code.add("context.busy -= t")

    def _close(self, code: Code) -> None:
        """Up to here the thread was busy."""
        code.add("context.busy += clock()")

    def _trying(
        self,
        code: Code,
        body: Body,
        *,
        begin: Callable[[], None] = lambda: None,
        finish: Callable[[], None] = lambda: None,
    ) -> None:
        """Run the cells; if one raises, the item carries the error from here on.

        Args:
            code: The function under construction.
            body: The cells.
            begin: Writes what comes before them.
            finish: Writes what comes after them.
        """
        before = len(code.lines)
        with code.block("try:"):
            begin()
            self._cells(code, body, PROBES if has_cells(body) else None)
            finish()
            self._release(code, body)
            if len(code.lines) == before + 1:
                code.add("pass")
        with code.block("except BaseException as error:"):
            code.add("item.error = context.blame(error)")

    def _release(self, code: Code, body: Body) -> None:
        """Let go of what a serial stage has read."""
        stage = next((s for s in self.plan.serial if s.nodes is body.nodes), None)
        if stage is not None:
            code.add_all(self.values.releases(stage))
        body.forget()

    def _acquire(self, code: Code, lock: str) -> None:
        """Acquire a lock; time spent waiting for it is not counted as busy."""
        with code.block(f"if not {lock}.acquire(False):"):
            code.add("context.rest()")
            code.add(f"{lock}.acquire()")
            code.add("context.work()")

    def _feed(self, code: Code, stage: Serial | Parallel) -> None:
        """Hand the item to the parallel stages that may start now."""
        for after in self.plan.parallel:
            if after.fed_by is not stage and stage not in after.parents:
                continue
            put = f"put{after.number}(item)"
            if after.signals == 1:
                code.add(put)
                continue
            counter = f"item.signals_{after.number}"
            with code.block(f"if not {counter}.pop():"):
                code.add(f"{counter}.extend({tuple(range(after.signals))})")
                code.add(put)

    def _hand_on(self, code: Code, stage: Parallel) -> None:
        """Let the stages after a parallel one have the item, which it is done with."""
        self._feed(code, stage)
        code.add(f"item.done_{stage.number}.release()")


def has_cells(body: Body) -> bool:
    """Whether there is anything to do."""
    return any(not node.is_source for node in body.nodes)
