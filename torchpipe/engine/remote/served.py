"""`Server`: the other end of `Near`, in the process of a clone."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from mmap import mmap
from socket import socket
from typing import Any, Protocol

from torchpipe.engine.remote.channel import requests, send
from torchpipe.engine.remote.failure import Dumps, failure_of
from torchpipe.engine.remote.held import here
from torchpipe.engine.remote.lending import SHARED
from torchpipe.engine.remote.letters import BEGUN, CALLED_BACK, PROGRESS, Answer, Contents, Letter
from torchpipe.engine.remote.loans import Loans
from torchpipe.engine.remote.segments import Place, fill, fits, laid_out
from torchpipe.engine.remote.wire import Message, decoded
from torchpipe.engine.remote.work import Work


class Host(Protocol):
    """Who does what is asked."""

    def ask(self, method: str, *arguments: Any) -> Any:
        """Call a method of the clone."""

    def ran(self, work: Work, holding: bool, begins: Callable[[int], None]) -> Message:
        """Run some items; return what came of it as a message.

        Args:
            work: The items.
            holding: Whether results may be held.
            begins: To be told when an item or a batch begins, and of how many items it is.
        """


class Server:
    """Answers requests, one after the other.

    Args:
        host: Who does what is asked.
        connection: Where requests come from.
        loans: What this process has borrowed.
        orders: Memory that says whether calls are to be begun.
        dumps: Pickles functions and classes too.
    """

    def __init__(self, host: Host, connection: socket, loans: Loans, orders: mmap, dumps: Dumps):
        self._host, self._connection, self._dumps = host, connection, dumps
        self._loans, self._orders = loans, orders
        self._begun = 0
        self._waiting: dict[int, Message] = {}
        self._methods: dict[str, Callable[..., Any]] = {
            "ask": host.ask,
            "run": self._run,
            "fetch": self._fetch,
        }

    def serve(self) -> None:
        """Answer until the other side ends."""
        for number, data in requests(self._connection):
            method, *arguments = pickle.loads(data)
            send(self._connection, number, self._outcome(method, arguments))

    def _outcome(self, method: str, arguments: list[Any]) -> bytes:
        try:
            return pickle.dumps((self._methods[method](*arguments), None), protocol=5)
        except BaseException as error:
            return pickle.dumps((None, failure_of(error, self._dumps)), protocol=5)

    def _run(self, letter: Letter) -> Answer:
        self._loans.forget(letter.gone)
        if self._orders[CALLED_BACK]:
            return Answer(b"", Contents([], None, []), [])
        data, contents = self._ran(letter)
        return Answer(data, contents, self._loans.take_returned())

    def _ran(self, letter: Letter) -> tuple[bytes, Contents]:
        """Run the items in a letter; nothing of it is kept here, unless contents have no room."""
        message = self._host.ran(self._work(letter), letter.holding, self._begins)
        sizes = message.sizes
        if letter.room is not None and fits(sizes, letter.room):
            return message.data, self._put(message, letter.room)
        if sum(sizes) < SHARED:
            return message.data, Contents(sizes, None, message.buffers)
        self._waiting[letter.call] = message
        return message.data, Contents(sizes)

    def _begins(self, items: int) -> None:
        """Say that something begins: whoever waits knows that the process does not hang."""
        self._begun += 1
        self._orders[BEGUN] = PROGRESS.pack(self._begun, items)

    def _put(self, message: Message, room: Place) -> Contents:
        """Copy the contents of an answer to where there is room for them."""
        starts = laid_out(message.sizes)
        fill(self._loans.open(room), starts, message.buffers)
        return Contents(message.sizes, starts)

    def _fetch(self, call: int, room: Place | None) -> Contents:
        """The contents that wait; there is room for them now, or none."""
        message = self._waiting.pop(call)
        if room is None:
            return Contents(message.sizes, None, message.buffers)
        return self._put(message, room)

    def _work(self, letter: Letter) -> Work:
        """The work in a letter; its arrays lie where they are."""
        loan = self._loans.begin(letter.call)
        buffers = [self._loans.view(c, loan) if type(c) is Place else c for c in letter.contents]
        work: Work = decoded(letter.data, buffers, copy=False)
        return work._replace(rows=[tuple(map(here, row)) for row in work.rows])
