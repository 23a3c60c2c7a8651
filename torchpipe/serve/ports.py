"""The ports of a pipeline as a service has them: how each value is read, written and described."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, TypeAdapter, create_model
from pydantic.errors import PydanticUserError

from torchpipe.errors import UsageError
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.port import REQUIRED, Input, Output
from torchpipe.graph.types import type_name, unannotated
from torchpipe.serve.codecs import STRICT, ArrayCodec, rewritten

FIX = (
    "Annotate it with a type that JSON can hold (numbers, text, lists, tensors, dataclasses ...), "
    "or say how the type travels: torchpipe.serve.codec(Type, encode=..., decode=..., schema=...)."
)


class ServedPort:
    """One input or output.

    Attributes:
        name: Its name.
        path: Its path in the pipeline.
        type: Its type, without what an annotation says beside it.
        hint: Its type, as pydantic reads it.
        adapter: What reads and writes its values.
        schema: What clients are told of them, as a JSON schema.
        default: What an input has if nothing is sent, or `REQUIRED`.
        array: How it travels if it is one tensor or array, else None.

    Raises:
        UsageError: Nobody knows how to send its type.
    """

    def __init__(self, port: Input | Output):
        self.name, self.path, self.type = port.name, port.path, unannotated(port.type)
        self.default = port.default if isinstance(port, Input) else REQUIRED
        if port.type is Any:
            raise UsageError(f"cannot serve {port.path}: it has no type. {FIX}")
        self.hint = rewritten(port.type)
        try:
            self.adapter: TypeAdapter[Any] = TypeAdapter(self.hint, config=STRICT)
            self.schema = self.adapter.json_schema()
        except PydanticUserError as error:
            if "BaseModel" not in str(error):
                why = f"nobody knows how to send {type_name(port.type)}"
                raise UsageError(f"cannot serve {port}: {why}. {FIX}") from error
            self.adapter = TypeAdapter(self.hint)  # it has a config of its own
            self.schema = self.adapter.json_schema()
        codecs = [one for one in getattr(self.hint, "__metadata__", ()) if type(one) is ArrayCodec]
        self.array = codecs[0] if codecs else None

    @property
    def advice(self) -> str:
        """What to say of an input that takes any array, as the first request may fail; or ""."""
        if self.array is None or self.array.array.dtype is not None:
            return ""
        kind = type_name(self.type)
        return (
            f"{self.path} takes any array, and whole numbers in a request become int64. Say what "
            f'it takes, such as Annotated[{kind}, torchpipe.serve.Array("float32", (4,))].'
        )

    @property
    def required(self) -> bool:
        """Whether a request must bring it."""
        return self.default is REQUIRED

    @property
    def field(self) -> tuple[Any, Any]:
        """As a field of a pydantic model."""
        return self.hint, ... if self.required else self.default


def model_of(name: str, ports: Mapping[str, ServedPort]) -> type[BaseModel]:
    """The model of an object with a value for each port."""
    fields: Any = {port.name: port.field for port in ports.values()}
    return create_model(name, __config__=STRICT, **fields)


def served(pipeline: Pipeline) -> tuple[dict[str, ServedPort], dict[str, ServedPort]]:
    """The inputs and the outputs of a pipeline.

    Raises:
        UsageError: It is not open, or nobody knows how to send one of its types.
    """
    if not pipeline.is_open:
        raise UsageError(
            f"cannot serve {pipeline.path}: its sources start a stream, so there is nothing to "
            f"send to it. Give `build` an argument for what a request brings."
        )
    inputs = {name: ServedPort(port) for name, port in pipeline.inputs.items()}
    return inputs, {name: ServedPort(port) for name, port in pipeline.outputs.items()}
