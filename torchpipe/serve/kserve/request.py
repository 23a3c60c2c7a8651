"""`InferRequest`: what a client asks for, read from the body of its request.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
and Triton's extensions for binary data and for sequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torchpipe.serve.kserve.blob import tensor_from_blob
from torchpipe.serve.kserve.datatype import DATATYPES
from torchpipe.serve.kserve.fields import (
    Object,
    an_object,
    count,
    objects,
    only,
    parsed,
    text,
    truth,
)
from torchpipe.serve.kserve.listed import tensor_from_list
from torchpipe.serve.kserve.parameters import Parameters, parameters_of, refuse_memory
from torchpipe.serve.kserve.shown import shown
from torchpipe.serve.kserve.tensor import Tensor, shape_of
from torchpipe.serve.refusals import Refusal


@dataclass(frozen=True)
class InferRequest:
    """A request to run the pipeline on some tensors.

    Attributes:
        inputs: The tensors, by name.
        id: What the client calls the request; the reply repeats it. None if it has no name.
        outputs: The outputs that are wanted, each with whether as binary data; None for all.
        parameters: Everything else.
    """

    inputs: dict[str, Tensor]
    id: str | None = None
    outputs: dict[str, bool] | None = None
    parameters: Parameters = Parameters()  # noqa: RUF009 - frozen


def read_request(body: bytes, header: str | None = None) -> InferRequest:
    """Read a request.

    Args:
        body: The body, decompressed: JSON, and after it the blobs of the inputs that have one.
        header: The header `Inference-Header-Content-Length`: the bytes of JSON; None for all.

    Raises:
        Refusal: The body is no such request.
    """
    size = header_size(header, len(body))
    found = parsed(body[:size])
    only(found, ("id", "parameters", "inputs", "outputs"), "the request")
    parameters = parameters_of(found.get("parameters"))
    blobs = Blobs(memoryview(body)[size:])
    inputs = inputs_of(found.get("inputs"), blobs)
    blobs.refuse_rest()
    outputs = outputs_of(found.get("outputs"), parameters.binary)
    return InferRequest(inputs, id_of(found.get("id")), outputs, parameters)


def header_size(header: str | None, body: int) -> int:
    """How many bytes of the body are JSON."""
    if header is None:
        return body
    if not (header.isascii() and header.isdigit()) or len(header) > 20 or int(header) > body:
        raise Refusal(
            f"Inference-Header-Content-Length must be the bytes of JSON that the body of {body} "
            f"bytes starts with, not {shown(header)}."
        )
    return int(header)


def id_of(value: Any) -> str | None:
    """The name of the request."""
    if value is not None and not isinstance(value, str):
        raise Refusal(f"id must be text, not {shown(value)}.")
    return value or None


class Blobs:
    """The binary data after the JSON, taken in the order of the inputs."""

    def __init__(self, rest: memoryview):
        self._rest = rest

    def take(self, size: int, where: str) -> memoryview:
        """The next so many bytes."""
        if size > len(self._rest):
            raise Refusal(
                f"{where}.parameters.binary_data_size is {size}, and {len(self._rest)} bytes are "
                f"left after the JSON: send them all, and Inference-Header-Content-Length."
            )
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def refuse_rest(self) -> None:
        """Refuse what belongs to no input."""
        if self._rest:
            raise Refusal(
                f"{len(self._rest)} bytes follow the data of the last input: let each input say "
                f"its size in parameters.binary_data_size."
            )


def inputs_of(value: Any, blobs: Blobs) -> dict[str, Tensor]:
    """The inputs, by name."""
    found: dict[str, Tensor] = {}
    for number, given in enumerate(objects(value, "inputs")):
        tensor = input_of(given, f"inputs[{number}]", blobs)
        if tensor.name in found:
            raise Refusal(f"input {shown(tensor.name)} is given twice: send it once.")
        found[tensor.name] = tensor
    return found


def input_of(found: Object, where: str, blobs: Blobs) -> Tensor:
    """One input, from its JSON or its blob."""
    only(found, ("name", "datatype", "shape", "parameters", "data"), where)
    name, datatype = text(found.get("name"), f"{where}.name"), found.get("datatype")
    if not isinstance(datatype, str) or datatype not in DATATYPES:
        raise Refusal(
            f"{where}.datatype must be one of {', '.join(DATATYPES)}, not {shown(datatype)}."
        )
    shape = shape_of(found.get("shape"), datatype, where)
    parameters = optional_object(found, where)
    refuse_memory(parameters, where)
    if "binary_data_size" not in parameters:
        return tensor_from_list(name, datatype, shape, found.get("data"), where)
    if "data" in found:
        raise Refusal(f"{where} has data and binary_data_size: send one of them.")
    size = count(parameters["binary_data_size"], f"{where}.parameters.binary_data_size")
    return tensor_from_blob(name, datatype, shape, blobs.take(size, where), where)


def optional_object(found: Object, where: str) -> Object:
    """The parameters of an input or output; empty if there are none."""
    given = found.get("parameters")
    return {} if given is None else an_object(given, f"{where}.parameters")


def outputs_of(value: Any, binary: bool) -> dict[str, bool] | None:
    """The outputs that are wanted, each with whether as binary data; None for all."""
    wanted: dict[str, bool] = {}
    for number, found in enumerate(objects([] if value is None else value, "outputs")):
        where = f"outputs[{number}]"
        only(found, ("name", "parameters"), where)
        name, parameters = text(found.get("name"), f"{where}.name"), optional_object(found, where)
        refuse_memory(parameters, where)
        refuse_classes(parameters, where)
        if name in wanted:
            raise Refusal(f"output {shown(name)} is asked for twice: ask once.")
        wanted[name] = truth(parameters.get("binary_data", binary), f"{where}.binary_data")
    return wanted or None


def refuse_classes(found: Object, where: str) -> None:
    """Refuse Triton's extension for classification."""
    if count(found.get("classification", 0), f"{where}.parameters.classification"):
        raise Refusal(
            f"{where} asks for classification, which is not served: ask for the scores, and sort "
            f"them."
        )
