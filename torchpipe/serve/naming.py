"""Names in the OpenAPI document: generators of clients make functions and classes of them."""

from __future__ import annotations

from typing import Any

from torchpipe.serve.arrays import NAME

Schema = dict[str, Any]

PLACE = "#/components/schemas/"
OUTCOMES = {"outputs": "BatchResult", "problem": "BatchProblem"}
EVENTS = "text/event-stream"


def name_parts(document: Schema) -> None:
    """Name what a client calls, and the objects that it sends and gets."""
    for path, methods in document["paths"].items():
        name = path.strip("/").replace("-", "_")
        for method, operation in methods.items():
            operation["operationId"] = name if len(methods) == 1 else f"{method}_{name}"
            for kind, told in operation["responses"]["200"].get("content", {}).items():
                name_response(kind, told)
    share_schemas(document)


def name_response(kind: str, told: Schema) -> None:
    """Let it be named after what is called; of events, clients that read all at once get text."""
    told["schema"].pop("title", None)
    if kind == EVENTS:
        told["itemSchema"], told["schema"] = told["schema"], {}


def share_schemas(document: Schema) -> None:
    """Make a schema of its own of each object that has a name: an array, an item's outcome."""
    results = document["components"]["schemas"]["Results"]["properties"]["results"]
    for outcome in results["items"]["oneOf"]:
        for field in outcome.get("properties", ()):  # none where it refers to one with a name
            outcome[NAME] = OUTCOMES[field]
    found: dict[str, Schema] = {}
    for part in ("paths", "components"):
        document[part] = referring(document[part], found)
    document["components"]["schemas"] |= found


def referring(schema: Any, found: dict[str, Schema]) -> Any:
    """The schema, with a reference in place of each part that has a name; those are found.

    >>> found = {}
    >>> referring({"items": {"x-name": "A", "type": "object"}}, found), found
    ({'items': {'$ref': '#/components/schemas/A'}}, {'A': {'type': 'object'}})
    """
    if isinstance(schema, list):
        return [referring(part, found) for part in schema]
    if not isinstance(schema, dict):
        return schema
    inner = {key: referring(part, found) for key, part in schema.items() if key != NAME}
    if NAME not in schema:
        return inner
    found[schema[NAME]] = inner
    return {"$ref": PLACE + schema[NAME]}
