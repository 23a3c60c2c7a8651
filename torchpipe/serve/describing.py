"""What the OpenAPI document says that the framework does not know: what items are, and errors."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from torchpipe.graph.flat import leaves
from torchpipe.graph.parameter import Parameter, Setting, settings
from torchpipe.graph.scale import ScaleUp
from torchpipe.serve import refusals
from torchpipe.serve.control import MOST_CLONES
from torchpipe.serve.naming import PLACE, Schema, name_parts
from torchpipe.serve.ports import ServedPort
from torchpipe.serve.service import Service
from torchpipe.serve.wishes import LONGEST, SHORTEST

OURS = {"Problem", "Event", "Items", "Results", "Inputs", "Outputs", "AllOutputs"}
OURS |= {"BatchResult", "BatchProblem"}
TYPES = {bool: "boolean", int: "integer", float: "number", str: "string"}
LIMITS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
PARAMETERS = [
    {
        "name": "arrays",
        "in": "query",
        "description": "how arrays are written",
        "schema": {"enum": ["lists", "base64"], "default": "lists"},
    },
    {
        "name": "X-Request-Timeout",
        "in": "header",
        "description": "seconds until the request is given up",
        "schema": {"type": "number", "minimum": SHORTEST, "maximum": LONGEST},
    },
]


def describe(app: FastAPI, service: Service) -> None:
    """Complete the document of an app when it is asked for."""
    plain = app.openapi

    def openapi() -> Schema:
        if app.openapi_schema is None:
            document = plain()
            complete(document, service)
            name_parts(document)
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def complete(document: Schema, service: Service) -> None:
    """Add what the routes take and give, and the shape of errors."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):  # the framework's own shape of errors
        schemas.pop(name, None)
    schemas |= items(service)
    for operation in operations(document):
        operation["responses"].pop("422", None)
        operation["responses"]["default"] = answer("no result", "Problem", refusals.MEDIA_TYPE)
    paths = document["paths"]
    for path in ["/run", *(["/stream"] if service.several else [])]:
        taking(paths[path]["post"], "Inputs")
        if any(is_file(port) for port in service.inputs.values()):
            content = paths[path]["post"]["requestBody"]["content"]
            content["multipart/form-data"] = {"schema": form_of(service)}
    taking(paths["/run-batch"]["post"], "Items")
    if not service.several:
        taking(paths["/stream"]["post"], "Items")
    result = "AllOutputs" if service.several else "Outputs"
    paths["/run"]["post"]["responses"]["200"] = answer("the outputs", result)
    paths["/run-batch"]["post"]["responses"]["200"] = answer("in the order of the items", "Results")
    each = "result" if service.several else "item"
    events = answer(f"an event for each {each}, then one named `end`", "Event", "text/event-stream")
    paths["/stream"]["post"]["responses"]["200"] = events
    paths["/scale"]["post"]["requestBody"] = body(clones_of(service))
    paths["/parameters"]["patch"]["requestBody"] = body(values_of(service))


def operations(document: Schema) -> list[Schema]:
    """All operations of all paths."""
    return [one for methods in document["paths"].values() for one in methods.values()]


def taking(operation: Schema, name: str) -> None:
    """Say that an operation is about items."""
    operation["requestBody"] = body(reference(name))
    operation["parameters"] = PARAMETERS


def reference(name: str) -> Schema:
    """To one of the document's schemas."""
    return {"$ref": PLACE + name}


def body(schema: Schema) -> Schema:
    """A body in JSON."""
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def answer(description: str, name: str, kind: str = "application/json") -> Schema:
    """A response."""
    return {"description": description, "content": {kind: {"schema": reference(name)}}}


def items(service: Service) -> dict[str, Schema]:
    """The schemas of inputs and outputs, one by one and several."""
    found: dict[str, Schema] = {"Problem": refusals.SCHEMA}
    for name, model, mode in (
        ("Inputs", service.input_model, "validation"),
        ("Outputs", service.output_model, "serialization"),
    ):
        made = schema_of(model, mode)
        found |= {**made.pop("$defs", {}), name: made}
    result = several({"outputs": "Outputs"})
    if service.several:
        found["AllOutputs"] = listed("results", reference("Outputs"))
        result = reference("AllOutputs")
    outcomes = [result, several({"problem": "Problem"})]
    found["Items"] = listed("items", reference("Inputs"))
    found["Results"] = listed("results", {"oneOf": outcomes})
    text = {"type": "string"}
    fields = {"id": text, "event": text, "data": text}
    found["Event"] = {"type": "object", "properties": fields, "required": ["data"]}
    return found


def schema_of(model: type[BaseModel], mode: Any = "validation") -> Schema:
    """The schema of a model; its parts that are named as ours are get another name."""
    made = model.model_json_schema(ref_template=f"{PLACE}{{model}}", mode=mode)
    parts, text = made.pop("$defs", {}), json.dumps
    names = {name: f"{name}Value" if name in OURS else name for name in parts}
    told = text({"made": made, "parts": {names[name]: part for name, part in parts.items()}})
    for name, other in names.items():
        told = told.replace(text(PLACE + name), text(PLACE + other))
    found: Schema = json.loads(told)
    return {**found["made"], "$defs": found["parts"]} if parts else made


def several(fields: Mapping[str, str]) -> Schema:
    """An object with these fields, of these schemas."""
    properties = {name: reference(schema) for name, schema in fields.items()}
    return closed(properties, list(fields))


def listed(name: str, schema: Schema) -> Schema:
    """An object with one list."""
    return closed({name: {"type": "array", "items": schema}}, [name])


def closed(properties: Schema, required: list[str]) -> Schema:
    """An object with these properties, and no others."""
    told = {"type": "object", "properties": properties, "additionalProperties": False}
    return told | ({"required": required} if required else {})


def is_file(port: ServedPort) -> bool:
    """Whether a form has a file for it."""
    return port.array is not None or port.type is bytes


def form_of(service: Service) -> Schema:
    """The fields of a form: files for arrays and bytes; all else as text, or as JSON."""
    inputs = schema_of(service.input_model)
    fields = inputs["properties"]
    for name, port in service.inputs.items():
        if is_file(port):
            fields[name] = {"type": "string", "format": "binary"}
    return closed(fields, inputs.get("required", []))


def clones_of(service: Service) -> Schema:
    """How many clones each scaled-up cell may have."""
    found = {}
    for path, cell in service.pipeline.cells.items():
        if isinstance(cell, ScaleUp):
            most = 1 if any(leaf.stateful for leaf in leaves(cell.cell)) else MOST_CLONES
            found[path] = {"type": "integer", "minimum": 1, "maximum": most}
    return closed(found, [])


def values_of(service: Service) -> Schema:
    """Which values each parameter takes."""
    found = {}
    for cell in leaves(service.pipeline):
        for name, one in settings(cell, Parameter).items():
            found[f"{cell.path}.{name}"] = value_of(one)
    return closed(found, [])


def value_of(one: Setting[Any]) -> Schema:
    """Which values a parameter takes."""
    kind = TYPES.get(type(one.default))
    told: Schema = {} if kind is None else {"type": kind}
    told |= {LIMITS[key]: limit for key, limit in one.limits.items() if limit is not None}
    told |= {} if one.choices is None else {"enum": list(one.choices)}
    return told | ({"description": one.doc} if one.doc else {})
