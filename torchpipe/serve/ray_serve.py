"""`deployment`: a pipeline behind Ray Serve, one whole pipeline in each replica."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from starlette.types import Message, Receive, Scope, Send

from torchpipe.errors import UsageError
from torchpipe.graph.pipeline import Pipeline
from torchpipe.serve.asgi import app
from torchpipe.serve.gate import Gate

ROOM = 1_000_000  # requests that Ray Serve sends to a replica: the service refuses what is too many


def deployment(
    factory: Callable[[], Pipeline],
    *,
    replicas: int = 1,
    options: Mapping[str, Any] | None = None,
    **settings: Any,
) -> Any:
    """A pipeline as an application of Ray Serve: `serve.run(deployment(Scores, replicas=4))`.

    Each replica makes a pipeline, in its own process, and serves the app that `app` makes of it:
    requests, limits and errors are the same. A replica whose run has ended is replaced.

    Args:
        factory: Makes an open pipeline, in a replica: its class, or `functools.partial` of it.
        replicas: How many replicas there are.
        options: Further ones of `serve.deployment`: `ray_actor_options`, `autoscaling_config` ...
        **settings: Those of `app`, and of the run.

    Returns:
        A `ray.serve.Application`.

    Raises:
        UsageError: Ray Serve is not there, or there is a pipeline instead of what makes it.
    """
    if isinstance(factory, Pipeline):
        raise UsageError(
            f"cannot deploy {factory.path}: each replica makes a pipeline of its own. Give what "
            f"makes it, such as its class, or functools.partial(Class, ...)."
        )
    try:
        from ray import serve
    except ImportError:
        raise UsageError(
            "cannot deploy a pipeline: Ray Serve is not installed. Install the extra "
            "`ray-serve`: from a checkout, pip install --editable '.[ray-serve]'."
        ) from None
    found: dict[str, Any] = {"name": "torchpipe", "max_ongoing_requests": ROOM, **(options or {})}
    if "autoscaling_config" not in found:
        found["num_replicas"] = replicas
    return serve.deployment(**found)(serve.ingress(making(factory, settings))(Replica)).bind()


class Behind:
    """An app behind the proxy of Ray Serve, which names requests, and tells so itself."""

    def __init__(self, gate: Gate):
        self.gate = gate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""

        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message["headers"]
                message["headers"] = [one for one in headers if one[0] != b"x-request-id"]
            await send(message)

        await self.gate(scope, receive, sent)


class Replica:
    """What Ray Serve asks a replica, beside requests."""

    app: Behind

    def check_health(self) -> None:
        """Raise if the replica has to be replaced."""
        if self.app.gate.service.ended:
            raise RuntimeError("the run has ended, and nothing starts it again.")


def making(factory: Callable[[], Pipeline], settings: Mapping[str, Any]) -> Callable[[], Behind]:
    """What makes the app, in a replica."""

    def make() -> Behind:
        return Behind(app(factory(), **settings))

    return make
