"""`Service`: the run behind an app: items in, results out, and the sessions that they belong to."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager
from contextvars import copy_context
from functools import partial
from typing import Any

from torchpipe.engine.results import refuse_collecting
from torchpipe.engine.session import Session, refuse_sessions
from torchpipe.errors import Stopped
from torchpipe.graph.flat import leaves
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.plan import Plan
from torchpipe.serve.flow import Flowing
from torchpipe.serve.held import Held
from torchpipe.serve.ports import model_of, served
from torchpipe.serve.pump import Pump, Submit, Ticket
from torchpipe.serve.refusals import DeadlineExceeded, Draining, TooManySessions

log = logging.getLogger("torchpipe.serve")


class Service(Flowing):
    """A pipeline that many clients ask at the same time; each gets the result of its own item.

    Items share the clones, and cells may batch them. At most `window + queue` are inside; what
    comes beyond that is refused at once, and all are counted: see `Admission`. An item that nobody
    waits for any more is dropped.

    Args:
        pipeline: An open pipeline.
        queue: Most requests that wait for room in the run's window.
        timeout: Seconds until a request is given up, or None.
        most_sessions: Most sessions that clients have open, if the pipeline is stateful.
        most_held: Most bytes of all requests together.
        spans: Whether requests and calls become spans of OpenTelemetry.
        **options: Those of the run: `window`, `seed`, ...

    Attributes:
        inputs: The ports that a request fills, by name.
        outputs: The ports that a response has.
        several: Whether an item may have more than one result, or none: see `flow`.
        stateful: Whether a result depends on the items before it, in the same session.
        sessions: How many sessions clients have open.
        held: The bytes of all requests.
        at_end: Called when the server ends, to let those go who would stay for ever.

    Raises:
        UsageError: The pipeline cannot be served.
        CheckError: It is stateful, and cannot have sessions.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        *,
        queue: int = 256,
        timeout: float | None = 60.0,
        most_sessions: int = 100,
        most_held: int = 1_000_000_000,
        spans: bool = False,
        **options: Any,
    ):
        super().__init__(queue, timeout)
        self.pipeline, self._options = pipeline, options
        self.inputs, self.outputs = served(pipeline)
        self.input_model = model_of("Inputs", self.inputs)
        self.output_model = model_of("Outputs", self.outputs)
        self.stateful = any(leaf.stateful for leaf in leaves(pipeline))
        plan = Plan(pipeline)
        refuse_sessions(pipeline.path, plan, int(self.stateful), stream=False)
        refuse_collecting(pipeline.path, plan)
        self.several = not plan.one_to_one
        self.most_sessions, self.sessions = most_sessions, 0
        self.held = Held(most_held, self.rejected)
        self.spans = spans
        self.at_end: list[Callable[[], None]] = []
        self._single = pipeline.graph.packing is None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the run, and what feeds it."""
        sessions = {"sessions": sys.maxsize} if self.stateful else {}  # they are counted here
        self.run = self.pipeline.run(stream=False, **sessions, **self._options)
        self._pump = Pump(loop)
        if self.spans:
            from torchpipe.tracing import Spans

            Spans(self.run).start()

    def stop(self) -> None:
        """End the run; what is inside is dropped."""
        self.run.stop()
        self._pump.stop()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """A `with` block within which requests are taken, in the event loop that it is entered in.

        It is the lifespan of the app; one that mounts the app in another has to enter it itself.
        """
        loop = asyncio.get_running_loop()
        self.start(loop)
        try:
            yield
        finally:
            await loop.run_in_executor(None, self.stop)

    def open(self) -> Session | None:
        """A session for a client; None if the pipeline is not stateful, and so needs none.

        Raises:
            Refusal: There are as many as there may be, or the service is ending.
        """
        if not self.stateful:
            return None
        if self.draining:
            raise Draining
        if self.sessions >= self.most_sessions:
            self.rejected["full"] += 1
            raise TooManySessions(self.most_sessions)
        self.sessions += 1
        return self.run.session()

    async def close(self, session: Session | None) -> None:
        """End a session, after all that was sent to it; what it remembers is let go."""
        if session is not None:
            self.sessions -= 1
            await self._end(session)

    async def _end(self, session: Session) -> None:
        try:
            await self._pump.put(session.end, {}).waiter
        except Stopped:
            return
        except Exception as error:
            log.error("the end of a session failed", exc_info=error)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[Session | None]:
        """A session for one request, which ends with the block; None if the pipeline needs none."""
        if not self.stateful:
            yield None
            return
        session = self.run.session()
        try:
            yield session
        finally:
            await self._end(session)

    def _put(self, values: Mapping[str, Any], session: Session | None) -> Ticket:
        """Send an item in."""
        if session is None and self.stateful:
            return self._pump.put(self._spanned(self._submit_alone), values)
        taker = self.run if session is None else session
        return self._pump.put(self._spanned(taker.submit), values, taker.submit_nowait)

    def _spanned(self, submit: Submit) -> Submit:
        """With spans: it runs where the current span is that of the request, in any thread."""
        return partial(copy_context().run, submit) if self.spans else submit

    def _submit_alone(self, **values: Any) -> Future[Any]:
        """Put in an item of no session: it is a stream of its own."""
        session = self.run.session()
        try:
            return session.submit(**values)
        finally:
            session.end()

    async def infer(
        self,
        values: Mapping[str, Any],
        *,
        deadline: float | None = None,
        request_id: str = "",
        session: Session | None = None,
    ) -> Mapping[str, Any]:
        """The outputs for these inputs.

        Args:
            values: The inputs, by name.
            deadline: Seconds until it is given up; by default that of the service.
            request_id: What the log names the request.
            session: The session that it belongs to. To a stateful pipeline, an item of none is a
                stream of its own.

        Raises:
            Refusal: There is no result: see `refusals`.
            asyncio.CancelledError: The client has gone; the item is dropped.
        """
        with self.admitted(request_id):
            ticket = self._put(values, session)
            timer = self.timer(deadline, self._expire, ticket.waiter)
            try:
                return self._named(await ticket.waiter)
            finally:
                if timer is not None:
                    timer.cancel()
                if ticket.future is None or not ticket.future.done():
                    ticket.drop()

    def _expire(self, waiter: asyncio.Future[Any], seconds: float) -> None:
        if not waiter.done():
            waiter.set_exception(DeadlineExceeded(seconds))

    def _named(self, result: Any) -> Mapping[str, Any]:
        """The outputs by name."""
        if self._single:
            return dict.fromkeys(self.outputs, result)
        return result if isinstance(result, dict) else dict(zip(self.outputs, result, strict=True))
