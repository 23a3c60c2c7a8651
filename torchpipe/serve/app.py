"""`app`: a pipeline as an ASGI app."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from torchpipe.graph.pipeline import Pipeline
from torchpipe.serve.control import control_routes, controls, health_routes
from torchpipe.serve.describing import describe
from torchpipe.serve.gate import Gate
from torchpipe.serve.refusals import MEDIA_TYPE, BadInput, Refusal
from torchpipe.serve.routes import Routes
from torchpipe.serve.service import Service

log = logging.getLogger("torchpipe.serve")


def app(
    pipeline: Pipeline,
    *,
    queue: int = 256,
    timeout: float | None = 60.0,
    token: str | None = None,
    guards_all: bool = False,
    max_body: int = 64_000_000,
    max_items: int = 1000,
    body_timeout: float = 30.0,
    **options: Any,
) -> Gate:
    """A pipeline as an ASGI app: `uvicorn.run(torchpipe.serve.app(pipeline))`.

    Args:
        pipeline: An open pipeline, whose ports have types.
        queue: Most requests that wait for room in the run's window; more are refused with 503.
        timeout: Seconds until a request is given up with 504, or None.
        token: What requests to control the run must bring; None lets everybody.
        guards_all: Whether all requests must bring the token.
        max_body: Most bytes of a body, as it arrives and when it is decompressed.
        max_items: Most items in one `/run-batch` or `/stream`.
        body_timeout: Seconds for a body to arrive.
        **options: Those of the run: `window`, `seed`, `ray_address` ...

    Returns:
        The app. Its `service` is the run behind it.

    Raises:
        UsageError: The pipeline is closed, or has a port whose type cannot be sent.
        CheckError: The pipeline cannot run.
    """
    service = Service(pipeline, queue=queue, timeout=timeout, **options)
    pipeline.check()
    made = inner(service, max_body, max_items)
    return Gate(
        made,
        service=service,
        token=token,
        control=controls,
        guards_all=guards_all,
        most=max_body,
        patience=body_timeout,
    )


def inner(service: Service, max_body: int, max_items: int) -> FastAPI:
    """The app behind the gate."""

    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        service.start(asyncio.get_running_loop())
        try:
            yield
        finally:
            await asyncio.get_running_loop().run_in_executor(None, service.stop)

    made = FastAPIOffline(title=service.pipeline.path, lifespan=life, redirect_slashes=False)
    routes = Routes(service, max_body, max_items)
    add = made.router.add_api_route
    for path, function in {
        "/run": routes.run,
        "/run-batch": routes.run_batch,
        "/stream": routes.stream,
    }.items():
        add(path, function, methods=["POST"], response_class=Response, tags=["items"])
    made.router.add_api_websocket_route("/session", routes.session)
    made.include_router(control_routes(service))
    made.include_router(health_routes(service))
    add_handlers(made)
    describe(made, service)
    return made


def add_handlers(app: FastAPI) -> None:
    """Let every error have the one shape."""

    async def refused(request: Request, error: Any) -> Response:
        request_id = request.state.request_id
        return Response(
            error.rendered(request_id), error.status, error.headers, media_type=MEDIA_TYPE
        )

    async def unknown(request: Request, error: Any) -> Response:
        detail = f"{request.method} {request.url.path[:200]}: {error.detail}."
        return await refused(request, Refusal(detail, error.status_code, error.headers))

    async def invalid(request: Request, error: Any) -> Response:
        found = [
            {"at": ".".join(str(part) for part in one["loc"][1:]), "problem": one["msg"]}
            for one in error.errors()
        ]
        text = f"{found[0]['at']}: {found[0]['problem']}"
        return await refused(request, BadInput(text, errors=found))

    async def broken(request: Request, error: Exception) -> Response:
        log.error("request %s failed", request.state.request_id, exc_info=error)
        return await refused(request, Refusal("the service itself failed. Its log says more.", 500))

    handlers: dict[Any, Callable[..., Any]] = {
        Refusal: refused,
        HTTPException: unknown,
        RequestValidationError: invalid,
        Exception: broken,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
