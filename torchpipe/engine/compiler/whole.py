"""`Whole`: a region without clones: one function runs all of its cells."""

from __future__ import annotations

from torchpipe.engine.compiler.body import Body, Timed
from torchpipe.engine.compiler.boundary import Boundary
from torchpipe.engine.compiler.code import Code
from torchpipe.engine.compiler.reading import Reading
from torchpipe.engine.compiler.writer import has_cells

DUE = Timed("t >= context.due", "context.open_item(t)", "context.close_item(); t = clock()")
"""In a region without clones, an item is timed when that was not done for a while."""


class Whole(Reading, Boundary):
    """Writes the function of a region that is pulled, or pushed: see `Writer`."""

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
        whose = ["future"] if self.replies else []
        code = self._code("call", ", ".join([*whose, *self._entry_names()]))
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

    def _stream_timed(self, body: Body) -> Timed | None:
        """In a region without clones, an item is timed when it is due."""
        if self.plan.region.start is not None and not has_cells(body):
            return None
        begins = "; ".join([DUE.begins, *self._read_calls()])
        return DUE._replace(begins=begins, ends=DUE.ends if self.way is None else "")
