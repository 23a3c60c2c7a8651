"""`Code`: Python text in the making, which knows which line calls which cell."""

from __future__ import annotations

import itertools
import linecache
import re
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from types import CodeType
from typing import Any

_numbers = itertools.count()


class Code:
    """One generated function, and the objects that it uses.

    Attributes:
        objects: What the names in the text stand for; they become parameters with defaults, so that
            each is as fast as a local variable.
        calls: For each line that calls a cell, the cell's path.
    """

    def __init__(self, name: str, parameters: str = ""):
        self.name, self.parameters = name, parameters
        self.lines: list[str] = []
        self.calls: dict[int, str] = {}
        self.objects: dict[str, Any] = {}
        self._depth = 1

    def add(self, text: str, path: str | None = None) -> None:
        """Add a line; `path` names the cell that it calls."""
        self.lines.append("    " * self._depth + text)
        if path is not None:
            self.calls[len(self.lines) + 1] = path

    def add_all(self, lines: list[str]) -> None:
        """Add lines as they are."""
        for line in lines:
            self.add(line)

    @contextmanager
    def block(self, head: str, path: str | None = None) -> Iterator[None]:
        """Indent what is added within, under this head."""
        self.add(head, path)
        self._depth += 1
        yield
        self._depth -= 1

    def bind(self, name: str, value: Any) -> str:
        """Let the name stand for the value."""
        self.objects[name] = value
        return name

    @property
    def text(self) -> str:
        """The whole function."""
        words = set(re.findall(r"\w+", "\n".join(self.lines)))
        bound = [f"{name}={name}" for name in self.objects if name in words]
        parameters = ", ".join(filter(None, [self.parameters, *(["*", *bound] if bound else [])]))
        return "\n".join([f"def {self.name}({parameters}):", *self.lines]) + "\n"

    def function(self) -> Callable[..., Any]:
        """Compile the text; tracebacks and debuggers show it."""
        space = dict(self.objects)
        exec(compiled(self.text, self.name), space)  # noqa: S102 - our own text, made from the plan
        made: Callable[..., Any] = space[self.name]
        return made


@lru_cache(maxsize=512)
def compiled(text: str, name: str) -> CodeType:
    """The code object of a text, once for all clones and runs that share it."""
    file = f"<torchpipe {name} {next(_numbers)}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    code = compile(text, file, "exec")
    function = next(const for const in code.co_consts if isinstance(const, CodeType))
    weakref.finalize(function, linecache.cache.pop, file, None).atexit = False
    return code
