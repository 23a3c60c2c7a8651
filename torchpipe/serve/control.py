"""What those ask who run the service: graph, parameters, clones, statistics, metrics, health."""

from __future__ import annotations

import asyncio
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field, JsonValue, TypeAdapter

from torchpipe.errors import ParameterError, RunError
from torchpipe.graph.cell import Cell
from torchpipe.graph.flat import leaves
from torchpipe.graph.parameter import Parameter, settings
from torchpipe.graph.port import Output, Ports
from torchpipe.graph.types import type_name
from torchpipe.serve.codecs import STRICT
from torchpipe.serve.gate import is_page
from torchpipe.serve.metrics import MEDIA_TYPE, metrics
from torchpipe.serve.reading import read_json
from torchpipe.serve.refusals import BadInput, Refusal
from torchpipe.serve.service import Service

MOST_CLONES = 256
Clones = Annotated[int, Field(ge=1, le=MOST_CLONES)]
CLONES = TypeAdapter(dict[str, Clones], config=STRICT)
VALUES = TypeAdapter(dict[str, JsonValue], config=STRICT)
MOST = 1_000_000  # bytes of a body that was compressed


def controls(method: str, path: str) -> bool:
    """Whether a request is about the run itself, and so needs the token."""
    return path in ("/parameters", "/scale", "/drain", "/stats", "/metrics") or is_page(path)


def control_routes(service: Service) -> APIRouter:
    """The routes of one service."""
    router = APIRouter(tags=["control"])

    @router.get("/graph", summary="The pipeline: cells, ports, connections, and a drawing")
    async def graph() -> dict[str, JsonValue]:
        return graph_of(service)

    @router.get("/parameters", summary="The live parameters, with their limits")
    async def parameters() -> dict[str, JsonValue]:
        return dict(parameters_of(service))

    @router.patch("/parameters", summary="Set live parameters: all of them, or none")
    async def set_parameters(request: Request) -> dict[str, JsonValue]:
        set_all(service, await read_json(request, VALUES.validate_json, MOST))
        return dict(parameters_of(service))

    @router.post("/scale", summary="Change how many clones cells have")
    async def scale(request: Request) -> dict[str, int]:
        clones = await read_json(request, CLONES.validate_json, MOST)
        loop = asyncio.get_running_loop()
        try:
            for path, count in clones.items():
                await loop.run_in_executor(None, service.run.scale, path, count)
        except RunError as error:
            raise BadInput(str(error)) from None
        return clones

    @router.post("/drain", summary="Take no more requests; returns when all inside have left")
    async def drain() -> dict[str, int]:
        await service.drained()
        return {"done": service.count}

    @router.get("/stats", summary="What all cells and clones have done so far")
    async def stats() -> dict[str, Any]:
        found = asdict(service.run.statistics())
        inside = {"inside": service.inside, "places": service.places, "done": service.count}
        inside["sessions"] = service.sessions
        return {"requests": {**inside, "rejected": service.rejected}, **found}

    @router.get("/metrics", summary="The same for Prometheus", response_class=Response)
    async def prometheus() -> Response:
        return Response(metrics(service), media_type=MEDIA_TYPE)

    return router


def health_routes(service: Service) -> APIRouter:
    """Whether the service lives, and whether it takes requests."""
    router = APIRouter(tags=["health"])

    @router.get("/livez", summary="Whether the service lives, or has to be started again")
    async def live() -> dict[str, bool]:
        if service.ended:
            raise Refusal("the run has ended. Start the service again.", 503)
        return {"live": True}

    @router.get("/readyz", summary="Whether requests are taken")
    async def ready() -> dict[str, bool]:
        if service.draining:
            raise Refusal("the service is ending.", 503)
        return {"ready": True}

    return router


def graph_of(service: Service) -> dict[str, Any]:
    """The pipeline as JSON."""
    pipeline = service.pipeline
    connections = [
        [one.source.path, one.target.path]
        for one in pipeline.connections
        if isinstance(one.source, Output)
    ]
    return {
        "name": pipeline.path,
        "inputs": {name: port.schema for name, port in service.inputs.items()},
        "outputs": {name: port.schema for name, port in service.outputs.items()},
        "cells": [told(path, cell) for path, cell in pipeline.cells.items()],
        "connections": connections,
        "mermaid": pipeline.to_mermaid(),
    }


def told(path: str, cell: Cell) -> dict[str, Any]:
    """One cell."""
    inner = getattr(cell, "cell", cell)
    ports: dict[str, Ports[Any]] = {"inputs": cell.inputs, "outputs": cell.outputs}
    types = {
        kind: {name: type_name(found[name].type) for name in found} for kind, found in ports.items()
    }
    clones = [str(clone) for clone in getattr(cell, "clones", ())]
    stateful = any(leaf.stateful for leaf in leaves(inner))
    return {
        "path": path,
        "type": type(inner).__name__,
        "clones": clones,
        "stateful": stateful,
        **types,
    }


def parameters_of(service: Service) -> Any:
    """Each parameter, by path, with its value and limits."""
    for cell in leaves(service.pipeline):
        for name, one in settings(cell, Parameter).items():
            limits = {key: value for key, value in one.limits.items() if value is not None}
            choices = {} if one.choices is None else {"choices": list(one.choices)}
            yield (
                f"{cell.path}.{name}",
                {"value": getattr(cell, name), "doc": one.doc, **limits, **choices},
            )


def set_all(service: Service, values: dict[str, Any]) -> None:
    """Set parameters; if one cannot be set, those before it are as they were.

    Raises:
        BadInput: There is no such parameter, or it does not take the value.
    """
    before = {path: told["value"] for path, told in parameters_of(service)}
    done = []
    try:
        for path, value in values.items():
            service.run.set(path, value)
            done.append(path)
    except ParameterError as error:
        for path in done:
            service.run.set(path, before[path])
        raise BadInput(str(error)) from None
