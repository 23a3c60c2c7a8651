"""How values travel as JSON: pydantic knows most types, and is told about the others here.

A type hint is rewritten before pydantic reads it: tensors and arrays, the fields of classes that
hold some, and types with a codec of their own get an annotation that says how to read and write
them. All else is left as it is.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from functools import cache
from types import UnionType
from typing import (
    Annotated,
    Any,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
    is_typeddict,
)

import numpy as np
import torch
from pydantic import (
    ConfigDict,
    FailFast,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    create_model,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from torchpipe.graph.types import hints_of, is_named_tuple
from torchpipe.serve.array import Array
from torchpipe.serve.arrays import read_array, schema_of, written

T = TypeVar("T")

STRICT = ConfigDict(
    extra="forbid", strict=True, allow_inf_nan=False, ser_json_inf_nan="strings",
    ser_json_bytes="base64", val_json_bytes="base64", arbitrary_types_allowed=False,
    protected_namespaces=(),
)  # fmt: skip


class ArrayCodec:
    """How a tensor or an array travels: as nested lists, or as base64 with dtype and shape."""

    def __init__(self, kind: type, array: Array):
        self.kind, self.array = kind, array

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read with `read`, write with `written`."""
        write = core_schema.plain_serializer_function_ser_schema(written, info_arg=True)
        return core_schema.no_info_plain_validator_function(self.read, serialization=write)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """What clients are told."""
        return schema_of(self.array)

    def read(self, value: Any) -> Any:
        """The tensor or array that a JSON value stands for; one that is there already passes."""
        made = value if isinstance(value, np.ndarray) else read_array(value, self.array.dtype)
        problem = self.array.problem(str(made.dtype), made.shape)
        if problem:
            raise ValueError(problem)
        return torch.from_numpy(made) if self.kind is torch.Tensor else made


class FieldsCodec:
    """How a named tuple, a dataclass or a TypedDict with such fields travels: as an object."""

    def __init__(self, kind: type, fields: dict[str, tuple[Any, Any]]):
        self.kind = kind
        self.model = create_model(kind.__name__, __config__=STRICT, **fields)  # type: ignore[call-overload]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read as the model, which then becomes the class."""
        write = core_schema.plain_serializer_function_ser_schema(
            self.fields_of, return_schema=handler(self.model)
        )
        return core_schema.no_info_after_validator_function(
            self.made, handler(self.model), serialization=write
        )

    def made(self, model: Any) -> Any:
        """An instance of the class; what was not sent is as the class has it."""
        return self.kind(**{name: getattr(model, name) for name in model.model_fields_set})

    def fields_of(self, value: Any) -> Any:
        """The model of an instance."""
        fields = (
            value
            if isinstance(value, dict)
            else {name: getattr(value, name) for name in self.model.model_fields}
        )
        return self.model.model_construct(**fields)


class OwnCodec:
    """How a type that pydantic does not know travels."""

    def __init__(
        self, encode: Callable[[Any], Any], decode: Callable[[Any], Any], schema: JsonSchemaValue
    ):
        self.encode, self.decode, self.schema = encode, decode, schema

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """Read and write with the functions that were given."""
        write = core_schema.plain_serializer_function_ser_schema(self.encode)
        return core_schema.no_info_plain_validator_function(self.decode, serialization=write)

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        """What clients are told."""
        return self.schema


OWN: dict[type, OwnCodec] = {}
ABSENT = object()  # the value of a key that a TypedDict need not have, and has not
LEFT_OUT = Field(default_factory=lambda: ABSENT, exclude_if=lambda value: value is ABSENT)


def codec(
    kind: type[T],
    *,
    encode: Callable[[T], Any],
    decode: Callable[[Any], T],
    schema: JsonSchemaValue,
) -> None:
    """Say how a type of your own travels as JSON; call it before `app`.

    Args:
        kind: The type.
        encode: Makes what JSON can hold of a value.
        decode: Makes the value of that; raises ValueError if it is none.
        schema: The JSON schema, such as `{"type": "string"}`.
    """
    OWN[kind] = OwnCodec(encode, decode, schema)
    rewritten.cache_clear()


@cache
def rewritten(hint: Any, array: Array = Array()) -> Any:  # noqa: B008 - it is frozen
    """The hint as pydantic shall read it."""
    origin, arguments = get_origin(hint), get_args(hint)
    if hint in (torch.Tensor, np.ndarray) or origin is np.ndarray:
        return Annotated[hint, ArrayCodec(origin or hint, array)]
    if hint in OWN:
        return Annotated[hint, OWN[hint]]
    if origin is Annotated:
        said = next((one for one in hint.__metadata__ if isinstance(one, Array)), array)
        return Annotated[(rewritten(arguments[0], said), *hint.__metadata__)]
    if origin in (Union, UnionType):
        return Union[tuple(rewritten(one, array) for one in arguments)]  # noqa: UP007 - no literal
    if origin in (list, tuple, dict, set, frozenset):
        made = origin[tuple(one if one is ... else rewritten(one, array) for one in arguments)]
        return made if origin is dict else Annotated[made, FailFast()]  # not a million errors
    if hint in (list, tuple, set, frozenset):
        return Annotated[hint, FailFast()]
    fields = dict(fields_of(hint))
    if is_typeddict(hint) or any(kind is not rewritten(kind) for kind, _ in fields.values()):
        named = {name: (rewritten(kind), default) for name, (kind, default) in fields.items()}
        return Annotated[Any, FieldsCodec(hint, named)]
    return hint


def fields_of(hint: Any) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """The fields of a named tuple, a dataclass or a TypedDict: each with its type and default."""
    hints = hints_of(hint) if isinstance(hint, type) else {}
    if is_named_tuple(hint):
        for name in hint._fields:
            yield name, (hints.get(name, Any), hint._field_defaults.get(name, ...))
    elif dataclasses.is_dataclass(hint):
        for field in dataclasses.fields(hint):
            missing = field.default is field.default_factory is dataclasses.MISSING
            default = None if field.default is dataclasses.MISSING else field.default
            yield field.name, (hints.get(field.name, Any), ... if missing else default)
    elif is_typeddict(hint):
        for name, kind in hints.items():
            said = get_origin(kind)
            inner = get_args(kind)[0] if said in (Required, NotRequired) else kind
            needed = said is not NotRequired and name in hint.__required_keys__
            yield name, (inner, ... if needed or said is Required else LEFT_OUT)
