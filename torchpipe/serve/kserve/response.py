"""The reply to an infer request: JSON, and after it the blobs of binary outputs.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torchpipe.serve.kserve.blob import blob_of
from torchpipe.serve.kserve.listed import list_of
from torchpipe.serve.kserve.request import InferRequest
from torchpipe.serve.kserve.tensor import Tensor

HEADER = "Inference-Header-Content-Length"


@dataclass(frozen=True)
class Reply:
    """A body, and the headers that say how to read it."""

    body: bytes
    headers: Mapping[str, str]


def write_reply(
    request: InferRequest, outputs: Iterable[Tensor], model: str, version: str
) -> Reply:
    """Write the reply to a request.

    Args:
        request: It says which outputs to send, and how; there are those that it names.
        outputs: All that the pipeline gave.
        model: The name of the pipeline.
        version: Its version.

    Raises:
        Refusal: An output is wanted as JSON, which cannot hold it.
    """
    given = {tensor.name: tensor for tensor in outputs}
    default = dict.fromkeys(given, request.parameters.binary)
    blobs: list[bytes] = []
    found = [
        written(given[name], binary, blobs) for name, binary in (request.outputs or default).items()
    ]
    named = {} if request.id is None else {"id": request.id}
    head = {**named, "model_name": model, "model_version": version, "outputs": found}
    text = json.dumps(head, separators=(",", ":")).encode()
    if not blobs:
        return Reply(text, {"Content-Type": "application/json"})
    headers = {"Content-Type": "application/octet-stream", HEADER: str(len(text))}
    return Reply(b"".join([text, *blobs]), headers)


def written(tensor: Tensor, binary: bool, blobs: list[bytes]) -> dict[str, Any]:
    """An output as JSON; its data may go to the blobs."""
    head = {"name": tensor.name, "datatype": tensor.datatype, "shape": list(tensor.shape)}
    if not binary:
        return {**head, "data": list_of(tensor)}
    blobs.append(blob_of(tensor))
    return {**head, "parameters": {"binary_data_size": len(blobs[-1])}}
