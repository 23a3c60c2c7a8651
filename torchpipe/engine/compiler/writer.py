"""`Writer`: the pieces of which all generated functions are made: reading, calling, passing on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from itertools import groupby
from queue import Empty
from time import perf_counter
from typing import Any

from torchpipe.engine.compiler.body import Body, Timed
from torchpipe.engine.compiler.code import Code
from torchpipe.engine.compiler.values import Values, needed, node_values
from torchpipe.engine.item import CLOSED, END, LEFT, RETIRE, STOP
from torchpipe.engine.remote.held import here
from torchpipe.graph.cell import HOLE
from torchpipe.graph.flat import Node, Value
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

    def _sources(self) -> list[tuple[str | None, list[Value]]]:
        """What the head reads: (path, values) of each source, or of the region above."""
        start = self.plan.region.start
        if start is not None:
            return [(None, node_values(start))]
        nodes = [node for node in self.plan.nodes if node.is_source]
        return [(None if node.cell is None else node.path, node_values(node)) for node in nodes]

    def _source_names(self) -> str:
        return ", ".join(f"source{index}" for index in range(len(self._sources())))

    def _name_nexts(self, code: Code) -> None:
        for index in range(len(self._sources())):
            code.add(f"next{index} = source{index}.__next__")

    @contextmanager
    def _reading(self, code: Code, body: Body) -> Iterator[None]:
        """A loop over the sources, in step: it ends with the first that ends."""
        sources = self._sources()
        if len(sources) == 1:
            path, values = sources[0]
            targets = self._targets(body, values)
            with code.block(f"for {', '.join(targets)} in source0:", path):
                self._show(body, values, targets)
                yield
            return
        self._name_nexts(code)
        with code.block("while True:"):
            with code.block("try:"):
                self._read(code, body)
            with code.block("except StopIteration:"):
                code.add("break")
            yield

    def _read(self, code: Code, body: Body) -> None:
        """Read one element of each source."""
        for index, (path, values) in enumerate(self._sources()):
            targets = self._targets(body, values)
            code.add(f"{', '.join(targets)} = next{index}()", path)
            self._show(body, values, targets)

    def _targets(self, body: Body, values: list[Value]) -> list[str]:
        return [body.target(value) for value in values] or ["_"]

    def _show(self, body: Body, values: list[Value], places: list[str]) -> None:
        """Let those who look see what a node gave, as far as anybody reads it."""
        if values:
            several = ["HOLE" if place == "_" else place for place in places]
            output = places[0] if len(places) == 1 else f"({', '.join(several)})"
            body.show(values[0].node, output)

    def _enter(self, code: Code, body: Body) -> None:
        """Take the arguments; sources in an open pipeline give one element for each call."""
        for _, values in groupby(enumerate(self.values.entries), lambda entry: entry[1].node):
            places, taken = zip(*((f"e{index}", value) for index, value in values), strict=True)
            self._show(body, [*taken], [*places])
        for index, value in enumerate(self.values.entries):
            target = body.target(value)
            if target != "_":
                code.add(f"{target} = e{index}")
            code.add(f"e{index} = None")

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
    def _timed(self, code: Code, timed: bool = True) -> Iterator[None]:
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
        entering: bool = False,
        finish: Callable[[], None] = lambda: None,
    ) -> None:
        """Run the cells; if one raises, the item carries the error from here on."""
        works = has_cells(body)
        with self._timed(code, entering and works):
            before = len(code.lines)
            with code.block("try:"):
                if entering:
                    self._enter(code, body)
                self._cells(code, body, PROBES if works else None)
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

    def _packed(self, code: Code, body: Body) -> str:
        """The expression of the results; `HOLE` if one of them is a hole."""
        reads = [body.read(value) for value in self.results]
        named = ", ".join(f"{n!r}: {r}" for n, r in zip(self.names, reads, strict=False))
        if not reads:
            packed = "HOLE" if self.replies else "None"
        elif self.packing is None:
            packed = reads[0]
        elif self.packing is dict:
            packed = f"{{{named}}}"
        elif self.packing is tuple:
            packed = f"({', '.join(reads)},)"
        else:
            packed = f"{code.bind('pack', self.packing)}({', '.join(reads)})"
        absent = " or ".join(
            f"{body.raw(value)} is HOLE" for value in self.results if value in self.values.holes
        )
        return f"HOLE if {absent} else {packed}" if absent else packed

    def _raising(self, code: Code) -> None:
        """Pass on what was raised, with a note; a generator that is closed just ends."""
        with code.block("except GeneratorExit:"):
            code.add("raise")
        with code.block("except BaseException as error:"):
            code.add("context.pause()")
            code.add("raise failed(error)")


def has_cells(body: Body) -> bool:
    """Whether there is anything to do."""
    return any(not node.is_source for node in body.nodes)
