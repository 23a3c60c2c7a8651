"""The generated functions of a region: one per stage, made of a `Body` and a frame around it.

Every frame follows the same steps: take an item, in order; wait until the stages before are done
with it; run the cells, unless something went wrong with the item; pass it on. `docs/design.md`
shows one of each.
"""

from __future__ import annotations

from torchpipe.engine.compiler.body import Body, Timed
from torchpipe.engine.compiler.cloned import Cloned
from torchpipe.engine.compiler.code import Code
from torchpipe.engine.compiler.whole import Whole
from torchpipe.engine.compiler.writer import PROBES, has_cells
from torchpipe.graph.plan import Serial


class Program(Whole, Cloned):
    """Writes all functions of one region, those of its serial stages here: see `Writer`.

    A region with clones is a ring of items, which each serial stage takes in turn. The first one
    reads the items (`head`), or has a function that puts them in (`enter`); the last one yields
    their results (`tail`), or gives them to futures (`settle`).
    """

    def head(self) -> Code:
        """Read the sources: one item for each credit, until they end."""
        code = self._code("head", self._source_names())
        body = self._body(code, self.plan.serial[0])
        self._name_nexts(code)
        code.add("number, step, ended = context.number, context.step, False")
        code.add("context.work()")
        with code.block("for item in ring:"):
            self._acquire(code, "item.free")
            with code.block("if item.error is not None:"):
                with code.block("if item.error is not LEFT:"):
                    code.add("break")
                code.add("next0 = nothing  # the epoch was left: it ends here")
            code.add("number += step")
            code.add("item.number = context.number = number")
            code.add("if number >= probes.next: probes.enter(item, number)")
            with code.block("try:"):
                self._fill(code, body)
            with code.block("except BaseException as error:"):
                code.add("item.error, ended = context.blame(error), True")
            self._feed(code, self.plan.serial[0])
            with code.block("if ended:"):
                code.add("break")
        code.add("context.rest()")
        return code

    def _fill(self, code: Code, body: Body) -> None:
        """Read an element of each source, and run the cells on them; or let the item be the end."""
        with code.block("try:"):
            self._read(code, body)
            if self.above is not None:
                code.add(f"item.origin = above.{self.above}")
        with code.block("except StopIteration:"):
            code.add(f"close([{self._source_names()}])")
            code.add("item.error, ended = END, True")
            code.add("context.number -= step")
        with code.block("else:"):  # a StopIteration of a cell does not end the stream
            self._arrive(code, "number", "item.cut = passage.enter(number)")
            self._cells(code, body, self._head_timed(body))
            self._release(code, body)
            code.add("pass")

    def enter(self) -> Code:
        """Put in one item: called under a lock, in the thread of whoever submits."""
        code = self._code("enter", ", ".join(["future", *self._entry_names()]))
        body = self._body(code, self.plan.serial[0])
        code.add("item = turns.next_item(future, context)")
        with code.block("if future is END:"):
            code.add("item.error = END")
        if self.sessions:
            with code.block("elif not context.copies.takes(future):"):
                code.add("item.error = CLOSED")
        with code.block("else:"):
            code.add("item.number = context.number = context.number + context.step")
            code.add("if item.number >= probes.next: probes.enter(item, item.number)")
            self._arrive(code, "item.number", "item.cut = passage.enter(item.number)")
            with self._timed(code, has_cells(body)):
                self._trying(code, body, begin=lambda: self._enter(code, body))
        self._feed(code, self.plan.serial[0])
        return code

    def serial(self, stage: Serial) -> Code:
        """A stage between two parallel ones; of a stream it takes no item after a failed one."""
        code = self._code("serial")
        body = self._body(code, stage)
        code.add("broken = None")
        code.add("context.work()")
        with code.block("for item in ring:"):
            self._await(code, stage)
            with code.block(f"if {self._sound(' and broken is None')}:"):
                code.add("context.number = item.number")
                self._mark(code, stage)
                self._trying(code, body)
                code.add("pass" if self.requests else "broken = item.error")
            with code.block("elif item.error is STOP:"):
                code.add("return")
            with code.block("elif item.error is END:"):
                code.add("broken = None")
            if not self.requests:
                with code.block("elif item.error is None:"):
                    code.add("item.error = broken  # no clone after this stage may take it")
                with code.block("else:"):
                    code.add("broken = item.error")
            self._feed(code, stage)
        return code

    def tail(self) -> Code:
        """A generator, run by the consumer: the last cells of each item, and its results."""
        stage = self.plan.serial[-1]
        code = self._code("tail", "owner")
        body = self._body(code, stage)
        with code.block("try:"):
            self._begin(code)
            with code.block("for item in ring:"):
                for before in stage.awaits:
                    lock = f"item.done_{before.number}"
                    code.add(f"if not {lock}.acquire(False): wait({lock})")
                with code.block("if item.error is not None:"):
                    with code.block("if leave(item):"):
                        code.add("break")
                    code.add("continue")
                self._leave(code)
                code.add("context.number = item.number")
                if self.above is not None:
                    code.add("context.origin = item.origin")
                if has_cells(body):
                    self._open(code)
                self._cells(code, body, self._tail_timed(body))
                self._yield(code, body, stage, goes_on=False)
            self._rest(code)
            code.add("finished()")
        self._raising(code)
        return code

    def settle(self) -> Code:
        """A loop in a thread of its own: the last cells of each item, and its future's result."""
        stage = self.plan.serial[-1]
        code = self._code("settle")
        body = self._body(code, stage)
        code.add("broken = False")
        code.add("context.work()")
        with code.block("for item in ring:"):
            self._await(code, stage)
            code.add(f"sound, out = {self._sound(' and not broken')}, HOLE")
            code.add("future, item.future = item.future, None")
            with code.block("if sound:"):
                self._leave(code)
                code.add("context.number = item.number")
                self._trying(
                    code, body, finish=lambda: code.add(f"out = {self._packed(code, body)}")
                )
            code.add("error = item.error")
            with code.block("if error is not None:"):
                self._drop(code)
            code.add("if item.entered is not None: probes.leave(item)")
            with code.block("try:"):
                code.add("item.free.release()")
            with code.block("finally:  # it raises if `stop` has released it: the future is ours"):
                code.add("settled(future, out, error)")
            code.add("future = out = error = None")
        return code

    def _drop(self, code: Code) -> None:
        """What becomes of an item that carries an error or a mark, before its future gets it."""
        with code.block("if error is STOP:"):
            code.add("refuse(future)")
            code.add("return")
        code.add(f"broken = {not self.requests} and error is not END")
        with code.block("if error is END:"):
            code.add("error = finish()")
        code.add("recycle(item)")

    def _await(self, code: Code, stage: Serial) -> None:
        """Wait until the clones before a stage are done with the item."""
        for before in stage.awaits:
            self._acquire(code, f"item.done_{before.number}")

    def _head_timed(self, body: Body) -> Timed | None:
        """The head is busy with its sources from where the item has entered."""
        reads = self._read_calls()
        if not reads and not has_cells(body):
            return None
        begins = "; ".join(["context.open_item(item.entered)", *reads])
        return PROBES._replace(begins=begins, ends="context.close_item(sample=False)")

    def _tail_timed(self, body: Body) -> Timed | None:
        if not has_cells(body):
            return None
        return PROBES if self.way is None else PROBES._replace(ends="")
