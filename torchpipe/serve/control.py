"""What those change who run the service: parameters, clones, whether it takes requests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import Field, JsonValue, TypeAdapter

from torchpipe.errors import ParameterError, RunError
from torchpipe.graph.flat import leaves
from torchpipe.graph.parameter import Parameter, settings
from torchpipe.serve.codecs import STRICT
from torchpipe.serve.gate import is_page
from torchpipe.serve.reading import read_json
from torchpipe.serve.refusals import BadInput
from torchpipe.serve.service import Service

MOST_CLONES = 256
Clones = Annotated[int, Field(ge=1, le=MOST_CLONES)]
CLONES = TypeAdapter(dict[str, Clones], config=STRICT)
VALUES = TypeAdapter(dict[str, JsonValue], config=STRICT)
MOST = 1_000_000  # bytes of a body that was compressed


def controls(path: str) -> bool:
    """Whether a request is about the run itself, and so needs the token."""
    return path in ("/parameters", "/scale", "/drain", "/stats", "/metrics") or is_page(path)


def control_routes(service: Service) -> APIRouter:
    """The routes of one service."""
    router = APIRouter(tags=["control"])

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
        await scale_all(service, clones)
        return clones

    @router.post("/drain", summary="Take no more requests; returns when all inside have left")
    async def drain() -> dict[str, int]:
        await service.drained()
        return {"done": service.count}

    return router


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


async def scale_all(service: Service, clones: Mapping[str, int]) -> None:
    """Scale cells, one after the other, up to the first one that cannot be scaled.

    Raises:
        BadInput: There is no such cell, or it cannot have so many clones.
    """
    loop = asyncio.get_running_loop()
    try:
        for path, count in clones.items():
            await loop.run_in_executor(None, service.run.scale, path, count)
    except RunError as error:
        raise BadInput(str(error)) from None
