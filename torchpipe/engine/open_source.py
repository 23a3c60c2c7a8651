"""`OpenSource`: a source within an open pipeline, which reads one element for each item."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torchpipe.engine.context import Context
from torchpipe.engine.notes import note
from torchpipe.errors import RunError
from torchpipe.graph.flat import Node


class OpenSource:
    """A source within an open pipeline: it gives one element for each item submitted."""

    def __init__(self, node: Node, stream: Iterator[Any], context: Context):
        self.node, self.stream, self.context = node, stream, context

    def read(self) -> tuple[Any, ...]:
        """Its outputs for the next item.

        Raises:
            RunError: The source has ended.
        """
        self.context.number += self.context.step  # while the item is read, it is the current one
        try:
            value = next(self.stream)
        except StopIteration:
            raise RunError(
                f"cannot take another item: the source {self.node.path}, which gives one value for "
                f"each, has ended. Submit fewer items, or let it give more."
            ) from None
        except BaseException as error:
            where = f"in cell {self.node.path!r} ({self.context.clone})"
            note(error, f"{where}, item {self.context.number}")
            raise
        finally:
            self.context.number -= self.context.step
        return tuple(value) if len(self.node.outputs) > 1 else (value,)
