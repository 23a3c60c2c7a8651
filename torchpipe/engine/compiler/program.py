"""The generated functions of a region: one per stage, made of a `Body` and a frame around it.

Every frame follows the same steps: take an item, in order; wait until the stages before are done
with it; run the cells, unless something went wrong with the item; pass it on. `docs/design.md`
shows one of each.
"""

from __future__ import annotations

from torchpipe.engine.compiler.body import Body
from torchpipe.engine.compiler.boundary import DUE, Boundary
from torchpipe.engine.compiler.code import Code
from torchpipe.engine.compiler.values import node_values
from torchpipe.engine.compiler.writer import has_cells
from torchpipe.graph.plan import Parallel, Serial


class Program(Boundary):
    """Writes the functions of one region: see `Writer`."""

    # -- regions without clones: one function for all

    def stream(self) -> Code:
        """A generator: for each item that the sources give, run all cells and yield the results."""
        code = self._code("stream", f"owner, {self._source_names()}")
        body = self._body(code, self.plan.serial[0])
        with code.block("try:"):
            self._begin(code)
            code.add("step = context.step")
            code.add("context.number += step")
            first = self.plan.region.start is None
            if first:  # it reads the sources, and is busy with that, too
                self._open(code)
            with self._reading(code, body):
                self._arrive(code, "context.number", "passage.cross(context.number)")
                if not first and has_cells(body):
                    self._open(code)
                self._cells(code, body, self._stream_timed(body))
                with code.block(f"if core.{'halted' if first else 'stopped'}:"):  # meanwhile
                    code.add("break")
                self._yield(code, body, None, goes_on=first)
                code.add("context.number += step")
            code.add("context.pause()")
            code.add("context.number -= step")
            self._rest(code)
            code.add("finished()")
        self._raising(code)
        return code

    def call(self, *, counting: bool = True) -> Code:
        """A function: run all cells on the arguments and return the results."""
        entries = self.values.entries
        whose = ["future"] if self.replies else []
        code = self._code("call", ", ".join([*whose, *(f"e{i}" for i in range(len(entries)))]))
        body = self._body(code, self.plan.serial[0])
        if counting:
            code.add("context.number += context.step")
        with code.block("try:"):
            timed = counting and has_cells(body)
            with self._timed(code, timed):
                self._enter(code, body)
                self._cells(code, body, DUE if timed else None)
            code.add(f"return {self._packed(code, body)}")
        self._raising(code)
        return code

    # -- regions with clones: head, parallel stages, serial stages, tail

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
                    code.add_all(self.values.releases(self.plan.serial[0]))
                    body.forget()
                    code.add("pass")
            with code.block("except BaseException as error:"):
                code.add("item.error, ended = context.blame(error), True")
            self._feed(code, self.plan.serial[0])
            with code.block("if ended:"):
                code.add("break")
        code.add("context.rest()")
        return code

    def enter(self) -> Code:
        """Put in one item: called under a lock, in the thread of whoever submits."""
        entries = self.values.entries
        code = self._code("enter", ", ".join(["future", *(f"e{i}" for i in range(len(entries)))]))
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
            self._trying(code, body, entering=True)
        self._feed(code, self.plan.serial[0])
        return code

    def serial(self, stage: Serial) -> Code:
        """A stage between two parallel ones; of a stream it takes no item after a failed one."""
        code = self._code("serial")
        body = self._body(code, stage)
        code.add("broken = None")
        code.add("context.work()")
        with code.block("for item in ring:"):
            for before in stage.awaits:
                self._acquire(code, f"item.done_{before.number}")
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
            for before in stage.awaits:
                self._acquire(code, f"item.done_{before.number}")
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
                with code.block("if error is STOP:"):
                    code.add("refuse(future)")
                    code.add("return")
                code.add(f"broken = {not self.requests} and error is not END")
                with code.block("if error is END:"):
                    code.add("error = finish()")
                code.add("recycle(item)")
            code.add("if item.entered is not None: probes.leave(item)")
            code.add("item.free.release()")
            code.add("settled(future, out, error)")
            code.add("future = out = error = None")
        return code

    def clone(self, stage: Parallel, *, gives: bool = False) -> Code:
        """A clone of a parallel stage: it takes any waiting item, runs it, and passes it on.

        Args:
            stage: The stage.
            gives: Whether it gives the results of requests itself.
        """
        code = self._code("clone")
        body = Body(code, self.values, [stage.node], [], self.call_of)
        code.add("context.work()")
        with code.block("while not me.retiring:"):
            with code.block("try:"):
                code.add("item = get_nowait()")
            with code.block("except Empty:"):
                code.add("context.rest()")
                with code.block("if me.retiring:"):
                    code.add("return")
                code.add("item = get()")
                code.add("context.work()")
            with code.block(f"if {self._sound()}:"):
                self._mark(code, stage)
                code.add("context.number = item.number")
                if gives:
                    code.add("me.reply = item.future")
                self._trying(code, body)
                if gives:
                    code.add("me.reply.leave(HOLE, item.error)")
                code.add("context.count += 1")
                code.add_all(self.values.releases(stage))
            with code.block("elif item.error is RETIRE:"):
                with code.block("if stops(item):"):
                    code.add("return")
                code.add("continue")
            self._feed(code, stage)
            code.add(f"item.done_{stage.number}.release()")
        return code

    def batching_clone(self, stage: Parallel) -> Code:
        """A clone that runs several waiting items in one call, and each alone if that fails."""
        code = self._code("clone")
        body = Body(code, self.values, [stage.node], [], self.call_of)
        code.add("context.work()")
        with code.block("while not me.retiring:"):
            code.add("batch, other = take()")
            if self.passage is not None and stage.ordered:
                with code.block("for batch in divided(batch):"):
                    code.add("item = batch[0]")
                    self._mark(code, stage)
                    self._batch(code, body, stage)
            else:
                with code.block("if batch:"):
                    self._batch(code, body, stage)
            with code.block("if other is None:"):
                code.add("continue")
            with code.block("if other.error is RETIRE:"):
                with code.block("if stops(other):"):
                    code.add("return")
                code.add("continue")
            code.add("item = other")
            self._feed(code, stage)
            code.add(f"item.done_{stage.number}.release()")
        return code

    def _batch(self, code: Code, body: Body, stage: Parallel) -> None:
        """Run a batch; if it fails, run its items one by one, to find the one that is to blame.

        Another number of results than items has no such item: it is an error of all of them.
        """
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
            code.add(f"results = list(run_batch([({arguments}) for item in present]))", path)
            with code.block("if len(results) != len(present):"):
                code.add(f"error = miscounted({path!r}, len(present), len(results))")
                code.add(f"error = context.blamed(error, {path!r}, batch[0].number)")
                with code.block("for item in present:"):
                    code.add("item.error = error")
            with code.block("else:"), code.block("for item, result in zip(present, results):"):
                code.add(f"{', '.join(targets)} = result", path)
                body.show(node, "result")
            code.add(f"context.batched({path!r}, present, t)")
        with code.block("except BaseException:"), code.block("for item in present:"):
            code.add("context.number = item.number")
            self._trying(code, body)
        code.add("context.count += len(batch)")
        with code.block("for item in batch:"):
            code.add_all(self.values.releases(stage))
            self._feed(code, stage)
            code.add(f"item.done_{stage.number}.release()")
        code.add("batch = present = results = result = error = None")
