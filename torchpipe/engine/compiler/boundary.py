"""`Boundary`: what a region gives to those after it: results, items, errors, and cuts."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from torchpipe.engine.compiler.body import Body
from torchpipe.engine.compiler.code import Code
from torchpipe.engine.compiler.writer import Writer, has_cells
from torchpipe.graph.flat import Node
from torchpipe.graph.plan import Parallel, Serial

if TYPE_CHECKING:
    from torchpipe.engine.saving.passage import Passage

# The generator forgets the value as it gives it: while it waits, only the consumer holds it.
YIELD_OUT = "yield (out, out := None)[0]"


class Boundary(Writer):
    """Writes what passes from region to region, and how it ends: see `Writer`.

    Attributes:
        above: In a region that is pulled from another one: which attribute of that one's context
            tells the item of the first region.
        passage: How cuts pass the region, if there are any.
        requests: Whether each item is a request of its own, which others do not care about and
            which may be cancelled; else the items are a stream, which an error ends.
        sessions: Whether items belong to sessions.
    """

    above: str | None = None
    passage: Passage | None = None
    requests: bool = False
    sessions: bool = False

    def _arrive(self, code: Code, number: str, then: str) -> None:
        """Let a cut be before an item with this number, if one arrives here."""
        if self.passage is not None:
            first = self.plan.region.start is None
            arrives = f"{number} >= cuts.next" if first else "passage.arriving is not None"
            with code.block(f"if {arrives}:"):
                code.add(then)

    def _mark(self, code: Code, stage: Serial | Parallel) -> None:
        """Add what the cells of this stage remember to a cut that is before the item."""
        if self.passage is None:
            return
        mark, marks = f"mark_{stage.level}", self.passage.marks
        if isinstance(stage, Serial) and stage in marks:
            code.bind(mark, marks[stage])  # a clone binds its own
        elif isinstance(stage, Serial) or not stage.ordered:
            return
        with code.block("if item.cut is not None:"):
            code.add(f"{mark}(item.cut)")

    def _sound(self, also: str = "") -> str:
        """The condition under which a stage runs its cells on the item that it has taken."""
        wanted = " and wanted(item)" if self.requests else ""
        fine = "context.copies.within(item)" if self.sessions else "item.error is None"
        return f"{fine}{also}{wanted}"

    def _leave(self, code: Code) -> None:
        """The end of the region: a cut that is before the item goes on."""
        if self.passage is not None:
            with code.block("if item.cut is not None:"):
                code.add("passage.leave(item)")

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

    def _yield(self, code: Code, body: Body, stage: Serial | None, goes_on: bool) -> None:
        """Let the item go and yield its results, or all that the next region's start makes.

        Args:
            code: The function under construction.
            body: The cells before.
            stage: The stage of an item that is let go.
            goes_on: Whether the thread is busy again right after it has given something.
        """
        timed = goes_on or has_cells(body)
        if self.way is not None:
            self._yield_many(code, body, self.way, stage)
            if timed and not goes_on:
                code.add("context.rest()")
            return
        may_hole = any(value in self.values.holes for value in self.results)
        code.add(f"out = {self._packed(code, body)}")
        self._let_go(code, body, stage)
        if timed and not goes_on:
            self._close(code)
        with code.block("if out is not HOLE:") if may_hole else nullcontext():
            if goes_on:
                self._close(code)
            code.add(YIELD_OUT)
            if goes_on:
                self._open(code)

    def _yield_many(self, code: Code, body: Body, way: Node, stage: Serial | None) -> None:
        absent = body.absent(way)
        guard = code.block(f"if not ({absent}):") if absent else nullcontext()
        with guard:
            code.add(f"given = {body.call(way)}", way.path)
            with code.block("for out in given:", way.path):
                code.add(f"if context.mark is not None: context.called({way.path!r})")
                code.add("context.rest()")
                code.add(YIELD_OUT)
                code.add("context.work()")
                code.add("if context.mark is not None: context.mark = clock()")
                with code.block("if core.halted:"):
                    code.add("break")
            code.add(f"if context.mark is not None: context.called({way.path!r})")
            self._give_pending(code)
        code.add("if context.mark is not None: context.close_item(sample=False); t = clock()")
        self._let_go(code, body, stage)

    def _give_pending(self, code: Code) -> None:
        """Yield what the start of the next region gave ahead of time, to be saved."""
        if self.way is not None:
            with code.block("while pending:"):
                code.add("yield pending.popleft()")

    def _rest(self, code: Code) -> None:
        """The stream has ended: yield what the start of the next region still holds."""
        if self.way is None:
            code.add("yield from rest()")
            return
        code.add("given, ended = rest(), True")
        with code.block("for out in given:"):
            code.add(YIELD_OUT)
        self._give_pending(code)

    def _begin(self, code: Code) -> None:
        """Begin a generator, which may go on where another one was saved."""
        if self.way is not None:
            code.add("given, ended = (), False")
        self._give_pending(code)

    def _let_go(self, code: Code, body: Body, stage: Serial | None) -> None:
        if stage is not None:
            code.add_all(self.values.releases(stage))
        body.forget()
        if stage is not None:
            code.add("if item.entered is not None: probes.leave(item)")
            with code.block("try:"):
                code.add("item.free.release()")
            with code.block("except RuntimeError:"):
                code.add("leave(item)  # the run was stopped meanwhile, which released it")

    def _raising(self, code: Code) -> None:
        """Pass on what was raised, with a note; a generator that is closed just ends."""
        with code.block("except GeneratorExit:"):
            code.add("raise")
        with code.block("except BaseException as error:"):
            code.add("context.pause()")
            code.add("raise failed(error)")
