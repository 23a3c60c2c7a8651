"""`app`: a pipeline as an ASGI app."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import RedirectResponse
from starlette.routing import Match, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from torchpipe.dashboard.drawing import first_line
from torchpipe.extras import needing
from torchpipe.graph.pipeline import Pipeline
from torchpipe.serve.control import control_routes, controls
from torchpipe.serve.describing import describe
from torchpipe.serve.gate import Gate
from torchpipe.serve.kserve.routes import OpenInference
from torchpipe.serve.page import LivePage
from torchpipe.serve.refusals import MEDIA_TYPE, BadInput, Refusal
from torchpipe.serve.routes import Routes
from torchpipe.serve.service import Service
from torchpipe.serve.several import SeveralRoutes
from torchpipe.serve.views import health_routes, view_routes

log = logging.getLogger("torchpipe.serve")


def app(
    pipeline: Pipeline,
    *,
    queue: int = 256,
    timeout: float | None = 60.0,
    token: str | None = None,
    guards_all: bool = False,
    max_body: int = 64_000_000,
    max_held: int = 1_000_000_000,
    max_items: int = 1000,
    max_sessions: int = 100,
    session_idle: float = 600.0,
    body_timeout: float = 30.0,
    spans: bool = False,
    **options: Any,
) -> Gate:
    """A pipeline as an ASGI app: `uvicorn.run(torchpipe.serve.app(pipeline))`.

    Args:
        pipeline: An open pipeline, whose ports have types.
        queue: Most requests that wait for room in the run's window; more are refused with 503.
        timeout: Seconds until a request is given up with 504, or None.
        token: What requests to control the run must bring; without, they are taken from this
            machine only.
        guards_all: Whether all requests must bring the token.
        max_body: Most bytes of a body, as it arrives and when it is decompressed.
        max_held: Most bytes of all requests together: bodies, what they are decompressed to, the
            pixels of images in them, messages of sessions; more are refused with 503. It is never
            less than `max_body`.
        max_items: Most items in one `/run-batch` or `/stream`, and most results in one reply.
        max_sessions: Most sessions and sequences at a time, of a stateful pipeline.
        session_idle: Seconds without a request after which a sequence ends by itself.
        body_timeout: Seconds for a body to arrive.
        spans: Whether items and calls become spans of OpenTelemetry, in the traces that requests
            name in their `traceparent`; needs the extra `otel`.
        **options: Those of the run: `window`, `seed`, `ray_address` ...

    Returns:
        The app. Its `service` is the run behind it.

    Raises:
        UsageError: The pipeline is closed, or has a port whose type cannot be sent.
        CheckError: The pipeline cannot run.
    """
    pipeline.check()
    bounds: dict[str, Any] = {"queue": queue, "timeout": timeout, "most_sessions": max_sessions}
    bounds["most_held"] = max(max_held, max_body)
    service = Service(pipeline, **bounds, spans=spans, **options)
    made: ASGIApp = inner(service, LivePage(service, token), max_body, max_items, session_idle)
    made = joining(made) if spans else made
    return Gate(
        made,
        service=service,
        token=token,
        control=controls,
        guards_all=guards_all,
        most=max_body,
        patience=body_timeout,
    )


def joining(app: ASGIApp) -> ASGIApp:
    """The app, whose requests belong to the traces that they name.

    Raises:
        UsageError: OpenTelemetry is not installed.
    """
    with needing("otel", "make spans"):
        from torchpipe.tracing import Joining
    return Joining(app)


def inner(
    service: Service, page: LivePage, max_body: int, max_items: int, session_idle: float
) -> Shortcut:
    """The app behind the gate."""
    made = FastAPIOffline(
        title=service.pipeline.path,
        description=first_line(service.pipeline),
        lifespan=lambda _: page.shown(),
        redirect_slashes=False,
        redoc_url=None,  # its page loads a picture from another host
    )
    kind = SeveralRoutes if service.several else Routes
    routes = kind(service, max_body, max_items)
    asked = {"/run": routes.run, "/run-batch": routes.run_batch, "/stream": routes.stream}
    for path, function in asked.items():
        kinds: dict[str, Any] = {"response_class": Response, "tags": ["items"]}
        made.router.add_api_route(path, function, methods=["POST"], **kinds)
    made.router.add_api_websocket_route("/session", routes.session)
    inference = OpenInference(service, max_body, session_idle)
    views, control, health = view_routes(service), control_routes(service), health_routes(service)
    for router in (views, control, health, inference):
        made.router.routes.extend(router.routes)
    made.router.routes.extend([*page.routes, Route("/", to_the_docs)])
    add_handlers(made)
    describe(made, service)
    return Shortcut(made, asked | inference.shortcuts)


async def to_the_docs(request: Request) -> Response:
    """Who opens the address itself gets the page to try the service."""
    return RedirectResponse("docs")


class Shortcut:
    """Calls the routes that are asked most without the framework, which takes longer than they do.

    The app has them too, for its document and for all else that may be wrong with a request.
    """

    def __init__(
        self, app: FastAPI, routes: Mapping[str, Callable[[Request], Awaitable[Response]]]
    ):
        self.app, self.routes = app, routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        route = self.routes.get(scope["path"]) if scope["type"] == "http" else None
        if route is None or scope["method"] != "POST" or scope.get("root_path"):
            await self.app(scope, receive, send)
            return
        request = Request(scope, receive)
        try:
            response = await route(request)
        except Refusal as error:
            response = refused(request, error)
        except ClientDisconnect:
            return  # nobody reads a response
        except Exception as error:
            response = broken(request, error)
        await response(scope, receive, send)


def refused(request: Request, error: Refusal) -> Response:
    """The response for a refusal."""
    body = error.rendered(request.state.request_id)
    return Response(body, error.status, error.headers, media_type=MEDIA_TYPE)


def unknown(request: Request, error: Any) -> Response:
    """The response for what the framework refuses; what made it do so may be a refusal of ours."""
    if isinstance(error.__cause__, Refusal):
        return refused(request, error.__cause__)
    headers = dict(error.headers or {})
    if error.status_code == 405:
        headers["Allow"] = ", ".join(sorted(methods_at(request)))
    detail = f"{request.method} {request.url.path[:200]}: {error.detail}."
    return refused(request, Refusal(detail, error.status_code, headers))


def methods_at(request: Request) -> set[str]:
    """All methods that the path takes: the framework lists those of the first route only."""
    routes = [one for one in request.app.routes if one.matches(request.scope)[0] != Match.NONE]
    return {method for route in routes for method in getattr(route, "methods", None) or ()}


def invalid(request: Request, error: Any) -> Response:
    """The response for a body, or a parameter, that the framework cannot read."""
    found = [
        {"at": ".".join(str(part) for part in one["loc"][1:]), "problem": one["msg"]}
        for one in error.errors()
    ]
    text = f"{found[0]['at']}: {found[0]['problem']}"
    return refused(request, BadInput(text, errors=found))


def broken(request: Request, error: Exception) -> Response:
    """The response for a mistake of ours."""
    log.error("request %s failed", request.state.request_id, exc_info=error)
    return refused(request, Refusal("the service itself failed. Its log says more.", 500))


def add_handlers(app: FastAPI) -> None:
    """Let every error have the one shape."""
    handlers: dict[Any, Callable[..., Any]] = {
        Refusal: refused,
        HTTPException: unknown,
        RequestValidationError: invalid,
        Exception: broken,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
