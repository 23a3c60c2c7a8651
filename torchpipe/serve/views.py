"""What those see who run the service: the graph, statistics, metrics, health."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Response
from pydantic import JsonValue

from torchpipe.graph.cell import Cell
from torchpipe.graph.flat import leaves
from torchpipe.graph.port import Output, Ports
from torchpipe.graph.types import type_name
from torchpipe.serve.metrics import MEDIA_TYPE, metrics
from torchpipe.serve.refusals import Refusal
from torchpipe.serve.service import Service


def view_routes(service: Service) -> APIRouter:
    """What there is to see of one service."""
    router = APIRouter(tags=["control"])

    @router.get("/graph", summary="The pipeline: cells, ports, connections, and a drawing")
    async def graph() -> dict[str, JsonValue]:
        return graph_of(service)

    @router.get("/stats", summary="What all cells and clones have done so far")
    async def stats() -> dict[str, Any]:
        return {"requests": requests_of(service), **asdict(service.run.statistics())}

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


def requests_of(service: Service) -> dict[str, Any]:
    """How many requests and sessions there are, and were."""
    return {
        "inside": service.inside,
        "places": service.places,
        "done": service.count,
        "sessions": service.sessions,
        "rejected": service.rejected,
    }
