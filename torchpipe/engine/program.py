"""The generated functions of a region: one per stage, made of a `Body` and a frame around it.

Every frame follows the same steps: take an item, in order; wait until the stages before are done with
it; run the cells, unless something went wrong with the item; pass it on. `docs/design.md` shows one
of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter_ns
from typing import Any

from torchpipe.engine.body import Body
from torchpipe.engine.code import Code
from torchpipe.engine.item import END, RETIRE, STOP
from torchpipe.engine.values import Values, node_values
from torchpipe.graph.cell import HOLE
from torchpipe.graph.flat import Node, Value
from torchpipe.graph.plan import Parallel, RegionPlan, Serial


class Program:
    """Writes the functions of one region.

    Args:
        plan: The stages of the region.
        values: Where its values live.
        call_of: The callable for a node (its cell's `forward`, guarded if need be).
        results: The values that leave the pipeline from this region.
        packing: How results are put together: see `Graph`.
        names: The names of the results.
        way: The cell that starts the next region on the way to the results, if that is pulled.
        pushes: For each other cell that starts a region: what takes its items.
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

    # -- regions without clones: one function for all

    def stream(self) -> Code:
        """A generator: for each item that the sources give, run all cells and yield the results."""
        code = self._code("stream", f"owner, {self._source_names()}")
        body = self._body(code, self.plan.serial[0])
        with code.block("try:"):
            with self._reading(code, body):
                code.add("context.number += 1")
                with self._timed(code, body):
                    self._cells(code, body)
                self._yield(code, body)
            code.add("yield from rest()")
            code.add("finished()")
        self._raising(code)
        return code

    def call(self, *, counting: bool = True) -> Code:
        """A function: run all cells on the arguments and return the results."""
        entries = self.values.entries
        code = self._code("call", ", ".join(f"e{i}" for i in range(len(entries))))
        body = self._body(code, self.plan.serial[0])
        if counting:
            code.add("context.number += 1")
        with code.block("try:"):
            with self._timed(code, body, counting):
                self._enter(code, body)
                self._cells(code, body)
            code.add(f"return {self._packed(code, body)}")
        self._raising(code)
        return code

    # -- regions with clones: head, parallel stages, serial stages, tail

    def head(self) -> Code:
        """Read the sources: one item for each credit, until they end."""
        code = self._code("head", self._source_names())
        body = self._body(code, self.plan.serial[0])
        self._name_nexts(code)
        with code.block("for item in ring:"):
            with code.block("if not item.free.acquire(False):"):
                code.add("item.free.acquire()")
            with code.block("if item.error is not None:"):
                code.add("return")
            code.add("item.number = context.number = context.number + 1")
            with code.block("try:"):
                self._read(code, body)
            with code.block("except StopIteration:"):
                code.add("item.error = END")
                code.add("context.number -= 1")
            with code.block("except BaseException as error:"):
                code.add("item.error = context.blame(error)")
            if body.nodes and not all(node.is_source for node in body.nodes):
                with code.block("else:"):
                    self._trying(code, body)
            code.add("ended = item.error is not None")
            self._feed(code, self.plan.serial[0])
            with code.block("if ended:"):
                code.add("return")
        return code

    def enter(self) -> Code:
        """Put in one item: called under a lock, in the thread of whoever submits."""
        entries = self.values.entries
        code = self._code("enter", ", ".join(["future", *(f"e{i}" for i in range(len(entries)))]))
        body = self._body(code, self.plan.serial[0])
        code.add("item = items[(context.number + 1) % window]")
        code.add("item.free.acquire()")
        with code.block("if item.error is not None:"):
            code.add("raise refused(item)")
        code.add("item.number = context.number = context.number + 1")
        code.add("item.future = future")
        with code.block("if future is END:"):
            code.add("item.error = END")
        with code.block("else:"):
            self._trying(code, body, entering=True)
        self._feed(code, self.plan.serial[0])
        return code

    def serial(self, stage: Serial, *, streaming: bool) -> Code:
        """A stage between two parallel ones. After a failed item it takes no other, if streaming."""
        code = self._code("serial")
        body = self._body(code, stage)
        code.add("broken = False")
        with code.block("for item in ring:"):
            self._await(code, stage, waiting="{lock}.acquire()")
            with code.block("if item.error is None and not broken:"):
                code.add("context.number = item.number")
                self._trying(code, body)
            with code.block("elif item.error is STOP:"):
                code.add("return")
            with code.block("elif item.error is END:"):
                code.add("broken = False")
            with code.block("else:"):
                code.add(f"broken = {streaming}")
            self._feed(code, stage)
        return code

    def tail(self) -> Code:
        """A generator, run by the consumer: the last cells of each item, and its results."""
        stage = self.plan.serial[-1]
        code = self._code("tail", "owner")
        body = self._body(code, stage)
        with code.block("try:"):
            with code.block("for item in ring:"):
                lines = "if not {lock}.acquire(False): wait({lock})"
                self._await(code, stage, waiting=lines)
                with code.block("if item.error is not None:"):
                    code.add("leave(item)")
                    code.add("break")
                code.add("context.number = item.number")
                with self._timed(code, body):
                    self._cells(code, body)
                self._yield(code, body, stage)
            code.add("yield from rest()")
            code.add("finished()")
        self._raising(code)
        return code

    def settle(self, *, streaming: bool) -> Code:
        """A loop in a thread of its own: the last cells of each item, and its future's result."""
        stage = self.plan.serial[-1]
        code = self._code("settle")
        body = self._body(code, stage)
        code.add("broken = False")
        with code.block("for item in ring:"):
            self._await(code, stage, waiting="{lock}.acquire()")
            code.add("out = HOLE")
            code.add("future, item.future = item.future, None")
            with code.block("if item.error is None and not broken:"):
                code.add("context.number = item.number")
                self._trying(code, body, finish=lambda: code.add(f"out = {self._packed(code, body)}"))
            code.add("error = item.error")
            with code.block("if error is not None:"):
                with code.block("if error is STOP:"):
                    code.add("return")
                code.add(f"broken = {streaming} and error is not END")
                with code.block("if error is END:"):
                    code.add("error = finish()")
                code.add("recycle(item)")
            code.add("item.free.release()")
            code.add("settled(future, out, error)")
            code.add("future = out = error = None")
        return code

    def clone(self, stage: Parallel) -> Code:
        """A clone of a parallel stage: takes any waiting item, runs the cell, passes the item on."""
        code = self._code("clone")
        body = Body(code, self.values, [stage.node], [], self.call_of)
        with code.block("while True:"):
            code.add("item = get()")
            with code.block("if item.error is None:"):
                code.add("context.number = item.number")
                self._trying(code, body)
                code.add("context.count += 1")
                code.add_all(self.values.releases(stage))
            with code.block("elif item.error is RETIRE:"):
                with code.block("if retire(item):"):
                    code.add("return")
                code.add("continue")
            self._feed(code, stage)
            code.add(f"item.done_{stage.number}.release()")
        return code

    def batching_clone(self, stage: Parallel) -> Code:
        """A clone that runs several waiting items in one call, and each alone if that fails."""
        code = self._code("clone")
        body = Body(code, self.values, [stage.node], [], self.call_of)
        with code.block("while True:"):
            code.add("batch, other = take()")
            with code.block("if batch:"):
                self._batch(code, body, stage)
            with code.block("if other is None:"):
                code.add("continue")
            with code.block("if other.error is RETIRE:"):
                with code.block("if retire(other):"):
                    code.add("return")
                code.add("continue")
            code.add("item = other")
            self._feed(code, stage)
            code.add(f"item.done_{stage.number}.release()")
        return code

    def _batch(self, code: Code, body: Body, stage: Parallel) -> None:
        """Run a batch; if it fails, run its items one by one, to find the one that is to blame."""
        node, path = stage.node, stage.node.path
        absent, targets = body.absent(node), [body.target(v) for v in node_values(node)]
        condition = f" if not ({absent})" if absent else ""
        if absent:
            with code.block("for item in batch:"), code.block(f"if {absent}:"):
                code.add(" = ".join([*targets, "HOLE"]))
        arguments = "".join(f"{body.argument(node, i, a)}, " for i, a in enumerate(node.arguments))
        code.add(f"present = [item for item in batch{condition}]")
        code.add("context.number = batch[0].number")
        code.add("t = clock()")
        with code.block("try:"):
            code.add(f"results = run_batch([({arguments}) for item in present])", path)
            with code.block("for item, result in zip(present, results, strict=True):", path):
                code.add(f"{', '.join(targets)} = result", path)
        with code.block("except BaseException:"), code.block("for item in present:"):
            code.add("context.number = item.number")
            self._trying(code, body, timed=False)
        code.add("context.busy += clock() - t")
        code.add("context.count += len(batch)")
        with code.block("for item in batch:"):
            code.add_all(self.values.releases(stage))
            self._feed(code, stage)
            code.add(f"item.done_{stage.number}.release()")
        code.add("batch = present = results = result = None")

    # -- the pieces

    def _code(self, name: str, parameters: str = "") -> Code:
        code = Code(name, parameters)
        code.objects |= {"HOLE": HOLE, "END": END, "STOP": STOP, "RETIRE": RETIRE}
        code.objects |= {"clock": perf_counter_ns}
        return code

    def _body(self, code: Code, stage: Serial) -> Body:
        kept = [*self.results] if stage is self.plan.serial[-1] else []
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
            with code.block(f"for {self._targets(body, values)} in source0:", path, 1):
                yield
            return
        self._name_nexts(code)
        with code.block("while True:"):
            with code.block("try:"):
                self._read(code, body, ahead=1)
            with code.block("except StopIteration:"):
                code.add("break")
            yield

    def _read(self, code: Code, body: Body, ahead: int = 0) -> None:
        """Read one element of each source."""
        for index, (path, values) in enumerate(self._sources()):
            code.add(f"{self._targets(body, values)} = next{index}()", path, ahead)

    def _targets(self, body: Body, values: list[Value]) -> str:
        return ", ".join(body.target(value) for value in values) or "_"

    def _enter(self, code: Code, body: Body) -> None:
        """Take the arguments; sources in an open pipeline give one element for each call."""
        for index, value in enumerate(self.values.entries):
            target = body.target(value)
            if target != "_":
                code.add(f"{target} = e{index}")
            code.add(f"e{index} = None")

    def _cells(self, code: Code, body: Body) -> None:
        """All cells of a serial stage, and the items that go to regions beside the way."""
        body.emit(lambda node: self._start(code, body, node))

    def _start(self, code: Code, body: Body, node: Node) -> bool:
        """Write the call of a cell that starts another region; say whether it was one."""
        if not node.emits_many:
            return False
        if node is not self.way:
            absent = body.absent(node)
            with code.block(f"if not ({absent}):") if absent else _nothing():
                with code.block(f"for out in {body.call(node)}:", node.path):
                    code.add(f"{self._push(code, node)}({'*out' if len(node.outputs) > 1 else 'out'})")
        return True

    def _push(self, code: Code, node: Node) -> str:
        return code.bind(f"push{self.values.ids[node]}", self.pushes[node])

    @contextmanager
    def _timed(self, code: Code, body: Body, timed: bool = True) -> Iterator[None]:
        """Count the time within as busy, if there is anything to do."""
        timed = timed and any(not node.is_source for node in body.nodes)
        if timed:
            code.add("t = clock()")
        yield
        if timed:
            code.add("context.busy += clock() - t")

    def _trying(
        self,
        code: Code,
        body: Body,
        *,
        entering: bool = False,
        timed: bool = True,
        finish: Callable[[], None] = lambda: None,
    ) -> None:
        """Run the cells; if one raises, the item carries the error from here on."""
        with self._timed(code, body, timed):
            before = len(code.lines)
            with code.block("try:"):
                if entering:
                    self._enter(code, body)
                self._cells(code, body)
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

    def _await(self, code: Code, stage: Serial, waiting: str) -> None:
        for before in stage.awaits:
            code.add(waiting.format(lock=f"item.done_{before.number}"))

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
        if self.packing is None:
            packed = reads[0] if reads else "None"
        elif self.packing is dict:
            packed = f"{{{named}}}"
        elif self.packing is tuple:
            packed = f"({', '.join(reads)},)"
        else:
            packed = f"{code.bind('pack', self.packing)}({', '.join(reads)})"
        absent = " or ".join(
            f"{body.read(value)} is HOLE" for value in self.results if value in self.values.holes
        )
        return f"HOLE if {absent} else {packed}" if absent else packed

    def _yield(self, code: Code, body: Body, stage: Serial | None = None) -> None:
        """Let the item go and yield its results, or all that the next region's start makes of it."""
        if self.way is not None:
            self._yield_many(code, body, self.way, stage)
            return
        may_hole = any(value in self.values.holes for value in self.results)
        code.add(f"out = {self._packed(code, body)}")
        self._let_go(code, body, stage)
        guard = "if out is not HOLE: " if may_hole else ""
        code.add(f"{guard}yield out")
        code.add("out = None")

    def _yield_many(self, code: Code, body: Body, way: Node, stage: Serial | None) -> None:
        absent = body.absent(way)
        with code.block(f"if not ({absent}):") if absent else _nothing():
            with code.block(f"for out in {body.call(way)}:", way.path):
                code.add("yield out")
                code.add("out = None")
        self._let_go(code, body, stage)

    def _let_go(self, code: Code, body: Body, stage: Serial | None) -> None:
        if stage is not None:
            code.add_all(self.values.releases(stage))
        body.forget()
        if stage is not None:
            code.add("item.free.release()")

    def _raising(self, code: Code) -> None:
        """Pass on what was raised, with a note; a generator that is closed just ends."""
        with code.block("except GeneratorExit:"):
            code.add("raise")
        with code.block("except BaseException as error:"):
            code.add("raise failed(error)")


@contextmanager
def _nothing() -> Iterator[None]:
    """No block at all."""
    yield
