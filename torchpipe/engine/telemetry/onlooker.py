"""`Onlooker`: looks at a run from a thread of its own, which runs none of the cells."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from torchpipe.engine.context import Context
from torchpipe.engine.threads import Cells, StageThread
from torchpipe.engine.torch_state import NoState
from torchpipe.graph.clone import ThreadClone

if TYPE_CHECKING:
    from torchpipe.engine.core import Core


class Onlooker(Cells):
    """Looks on until the run ends; for its thread it stands for cells.

    Args:
        core: The run.

    Attributes:
        over: Set when it shall look no more.
    """

    def __init__(self, core: Core):
        super().__init__([], Context(core.shared, ThreadClone()))
        self.core, self.over = core, threading.Event()

    def start(self, name: str, work: Callable[[], None]) -> StageThread:
        """Start its thread.

        Raises:
            Stopped: The run has ended.
        """
        return self.core.start(name, self, work, NoState())

    def interrupt(self) -> list[BaseException]:
        """The run stops."""
        self.over.set()
        return []
