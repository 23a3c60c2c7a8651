"""A pipeline as an HTTP service: `torchpipe serve TARGET`, or `torchpipe.serve.app(pipeline)`.

Reading order: array, arrays and codecs (what values are in JSON), ports, refusals (what goes
wrong), held, admission, flow, pump and service (the run behind it), reading, wishes, present,
conversation, routes and several (what clients ask), control, metrics and views (what those ask who
run it), access_log and gate (what every request passes), describing and naming (the OpenAPI
document), page (the live page), asgi (the app), head and server (a port, until it ends), ray_serve
(replicas in a cluster); `kserve`, another protocol, is read by itself. Nothing here is imported
with `torchpipe`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from torchpipe.serve.array import Array

if TYPE_CHECKING:
    from torchpipe.serve.asgi import app
    from torchpipe.serve.codecs import codec
    from torchpipe.serve.ray_serve import deployment

__all__ = ["Array", "app", "codec", "deployment"]
HOMES = {
    "app": "torchpipe.serve.asgi",
    "codec": "torchpipe.serve.codecs",
    "deployment": "torchpipe.serve.ray_serve",
}


def __getattr__(name: str) -> Any:
    """Import what needs a web framework when it is asked for: `Array` is for cells, too."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(HOMES[name]), name)
