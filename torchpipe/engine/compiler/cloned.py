"""`Cloned`: a parallel stage: the function that each of its clones in this process runs."""

from __future__ import annotations

from torchpipe.engine.compiler.body import Body
from torchpipe.engine.compiler.boundary import Boundary
from torchpipe.engine.compiler.code import Code
from torchpipe.engine.compiler.values import node_values
from torchpipe.graph.flat import Node
from torchpipe.graph.plan import Parallel


class Cloned(Boundary):
    """Writes the function of a clone, which takes one item at a time, or several: see `Writer`."""

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
            self._hand_on(code, stage)
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
            self._hand_on(code, stage)
        return code

    def _batch(self, code: Code, body: Body, stage: Parallel) -> None:
        """Run a batch; if it fails, run its items one by one, to find the one that is to blame.

        Another number of results than items has no such item: it is an error of all of them.
        """
        targets = [body.target(value) for value in node_values(stage.node)]
        self._present(code, body.absent(stage.node), targets)
        code.add("context.number = batch[0].number")
        code.add("t = clock()")
        with code.block("try:"):
            self._call_batch(code, body, stage.node, targets)
        with code.block("except BaseException:"), code.block("for item in present:"):
            code.add("context.number = item.number")
            self._trying(code, body)
        code.add("context.count += len(batch)")
        with code.block("for item in batch:"):
            code.add_all(self.values.releases(stage))
            self._hand_on(code, stage)
        code.add("batch = present = results = result = error = None")

    def _present(self, code: Code, absent: str, targets: list[str]) -> None:
        """Leave out the items with a hole among their arguments, which gives a hole.

        Args:
            code: The function under construction.
            absent: The condition that there is one; empty if there can be none.
            targets: Where the results go.
        """
        condition = f" if not ({absent})" if absent else ""
        if absent:
            with code.block("for item in batch:"), code.block(f"if {absent}:"):
                code.add(" = ".join([*targets, "HOLE"]))
        code.add(f"present = [item for item in batch{condition}]")

    def _call_batch(self, code: Code, body: Body, node: Node, targets: list[str]) -> None:
        """Call the cell once for all items that are present, and give each its result."""
        path = node.path
        arguments = "".join(f"{body.argument(node, i, a)}, " for i, a in enumerate(node.arguments))
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
