"""`Tail`: the last lines of the log."""

from __future__ import annotations

import logging
from collections import deque
from typing import Any


class Tail(logging.Handler):
    """Keeps the last records that reach it.

    Args:
        most: How many.

    Attributes:
        count: How many there were so far.

    >>> tail = Tail(most=2)
    >>> for number in range(3):
    ...     tail.handle(logging.makeLogRecord({"msg": f"line {number}"}))
    True
    True
    True
    >>> tail.count, [line["text"] for line in tail.lines()]
    (3, ['line 1', 'line 2'])
    """

    def __init__(self, most: int = 200):
        super().__init__()
        self.count = 0
        self._lines: deque[dict[str, Any]] = deque(maxlen=most)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a record; the lock of the handler is held."""
        self.count += 1
        told = {"time": record.created, "level": record.levelname, "logger": record.name}
        self._lines.append({**told, "text": self.format(record)})

    def listen(self) -> None:
        """From now on, keep what reaches the root of all loggers."""
        logging.getLogger().addHandler(self)

    def close(self) -> None:
        """Keep no more."""
        logging.getLogger().removeHandler(self)
        super().close()

    def lines(self) -> list[dict[str, Any]]:
        """Those that are kept, the last one last."""
        self.acquire()
        try:
            return list(self._lines)
        finally:
            self.release()
