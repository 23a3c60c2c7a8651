"""`Reading`: where the values of an item come from: sources, the region above, or arguments."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby

from torchpipe.engine.compiler.body import Body
from torchpipe.engine.compiler.code import Code
from torchpipe.engine.compiler.values import node_values
from torchpipe.engine.compiler.writer import Writer
from torchpipe.graph.flat import Value


class Reading(Writer):
    """Writes how a region gets its items: see `Writer`."""

    def _sources(self) -> list[tuple[str | None, list[Value]]]:
        """What the head reads: (path, values) of each source, or of the region above."""
        start = self.plan.region.start
        if start is not None:
            return [(None, node_values(start))]
        nodes = [node for node in self.plan.nodes if node.is_source]
        return [(None if node.cell is None else node.path, node_values(node)) for node in nodes]

    def _source_names(self) -> str:
        return ", ".join(f"source{index}" for index in range(len(self._sources())))

    def _entry_names(self) -> list[str]:
        return [f"e{index}" for index in range(len(self.values.entries))]

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
        entries = [*zip(self._entry_names(), self.values.entries, strict=True)]
        for _, of_one in groupby(entries, lambda entry: entry[1].node):
            places, values = zip(*of_one, strict=True)
            self._show(body, [*values], [*places])
        for name, value in entries:
            target = body.target(value)
            if target != "_":
                code.add(f"{target} = {name}")
            code.add(f"{name} = None")

    def _read_calls(self) -> list[str]:
        """Say that the sources were read, if this region reads any."""
        paths = [path for path, _ in self._sources() if path is not None]
        return [f"context.called({' + '.join(paths)!r})"] if paths else []
