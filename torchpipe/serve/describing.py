"""What the OpenAPI document says of the routes that read requests by themselves."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from torchpipe.serve import refusals
from torchpipe.serve.service import Service

REF = "#/components/schemas/{model}"
STATUSES = {
    "default": "no result: one shape for every error",
}


def describe(app: FastAPI, service: Service) -> None:
    """Complete the document of an app when it is asked for."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            complete(plain(), service)
        assert app.openapi_schema is not None
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def complete(document: dict[str, Any], service: Service) -> None:
    """Add what the routes take and give, and the shape of errors."""
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = refusals.SCHEMA
    for name, model, mode in (
        ("Inputs", service.input_model, "validation"),
        ("Outputs", service.output_model, "serialization"),
    ):
        schema = model.model_json_schema(ref_template=REF, mode=mode)  # type: ignore[arg-type]
        schemas |= schema.pop("$defs", {})
        schemas[name] = schema
    inputs, outputs = (
        {"$ref": "#/components/schemas/Inputs"},
        {"$ref": "#/components/schemas/Outputs"},
    )
    items = {
        "type": "object",
        "properties": {"items": {"type": "array", "items": inputs}},
        "required": ["items"],
        "additionalProperties": False,
    }
    outcome = {
        "oneOf": [
            {"type": "object", "properties": {"outputs": outputs}, "required": ["outputs"]},
            {
                "type": "object",
                "properties": {"problem": {"$ref": "#/components/schemas/Problem"}},
                "required": ["problem"],
            },
        ]
    }
    results = {
        "type": "object",
        "properties": {"results": {"type": "array", "items": outcome}},
        "required": ["results"],
    }
    taken = {"/run": inputs, "/run-batch": items, "/stream": items}
    given = {
        "/run": {"application/json": {"schema": outputs}},
        "/run-batch": {"application/json": {"schema": results}},
        "/stream": {"text/event-stream": {"schema": {"type": "string"}}},
    }
    problem = {
        "description": "no result: one shape for every error",
        "content": {refusals.MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for path, methods in document["paths"].items():
        for operation in methods.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = problem
            if path in taken:
                operation["requestBody"] = {
                    "required": True,
                    "content": {"application/json": {"schema": taken[path]}},
                }
                operation["responses"]["200"] = {
                    "description": "the outputs",
                    "content": given[path],
                }
                operation.setdefault("parameters", []).extend(PARAMETERS)
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)


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
        "schema": {"type": "number", "exclusiveMinimum": 0, "maximum": 86400},
    },
]
