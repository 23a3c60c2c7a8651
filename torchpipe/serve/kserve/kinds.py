"""`Kind`: how the values of a port travel as tensors.

| type of the port | tensor |
|---|---|
| array or tensor | its elements and its shape; any numeric datatype, if `Array` names none |
| `bool`, `int`, `float` | `BOOL`, `INT64`, `FP64` of shape [1] |
| `str`, `bytes` | `BYTES` of shape [1]; text is UTF-8 |
| any other | `BYTES` of shape [1] that holds JSON, as `/run` has it |

The datatypes are those of
https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md.

Where a scalar is wanted, any integer or floating datatype is taken that means the same; and a
tensor without dimensions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from pydantic import ValidationError

from torchpipe.serve.codecs import ArrayCodec
from torchpipe.serve.kserve.datatype import FLOATING, TRAVELLING, datatype_of, held
from torchpipe.serve.kserve.tensor import Tensor
from torchpipe.serve.ports import ServedPort
from torchpipe.serve.refusals import Refusal

INTEGERS = tuple(name for name in TRAVELLING if "INT" in name)
Validate = Callable[[Any], Any]


class Kind(ABC):
    """How the values of one port travel.

    Attributes:
        name: The name of the port.
        datatype, shape: What clients are told; -1 is any size.
        accepted: The datatypes that are taken.
    """

    def __init__(
        self, name: str, datatype: str, shape: tuple[int, ...], accepted: tuple[str, ...] = ()
    ):
        self.name, self.datatype, self.shape = name, datatype, shape
        self.accepted = accepted or (datatype,)

    def read(self, tensor: Tensor) -> Any:
        """The value that a tensor stands for.

        Raises:
            Refusal: It stands for none of this type.
        """
        if tensor.datatype not in self.accepted:
            raise Refusal(f"input {tensor}: its datatype must be {' or '.join(self.accepted)}.")
        try:
            return self.value(tensor)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False, include_input=False)[0]
            raise Refusal(f"input {tensor}: {found['msg']}.") from None
        except ValueError as error:
            raise Refusal(f"input {tensor}: {error}.") from None

    def write(self, value: Any) -> Tensor:
        """The tensor for a value.

        Raises:
            Refusal: There is none: a cell gave what its type does not say.
        """
        try:
            return self.tensor(value)
        except (ValueError, TypeError, OverflowError) as error:
            raise Refusal(f"output {self.name!r} cannot be sent: {error}.", 500) from None

    @abstractmethod
    def value(self, tensor: Tensor) -> Any:
        """The value of a tensor of the right datatype; a ValueError says why there is none."""

    @abstractmethod
    def tensor(self, value: Any) -> Tensor:
        """The tensor for a value of the right type."""


class Arrays(Kind):
    """Arrays and tensors."""

    def __init__(self, name: str, codec: ArrayCodec):
        self._codec, array = codec, codec.array
        named = None if array.dtype is None else datatype_of(np.dtype(array.dtype))
        shape = (-1,) if array.shape is None else tuple(-1 if s is None else s for s in array.shape)
        super().__init__(name, named or "FP32", shape, (named,) if named else tuple(TRAVELLING))

    def value(self, tensor: Tensor) -> Any:
        """The array, or the tensor; BF16 has become 32-bit floats."""
        return self._codec.read(tensor.data)

    def tensor(self, value: Any) -> Tensor:
        """Its elements, of the datatype that they have."""
        if isinstance(value, torch.Tensor) and value.dtype == torch.bfloat16:
            wide = value.float().numpy(force=True)
            return Tensor(self.name, "BF16", wide.shape, wide)
        made = value.numpy(force=True) if isinstance(value, torch.Tensor) else np.asarray(value)
        datatype = datatype_of(made.dtype)
        if datatype is None:
            raise ValueError(f"it is an array of {made.dtype}, for which there is no datatype")
        return Tensor(self.name, datatype, made.shape, made)


class Scalar(Kind):
    """One truth value or number."""

    def __init__(self, name: str, datatype: str, accepted: tuple[str, ...], check: Validate):
        super().__init__(name, datatype, (1,), accepted)
        self._check = check

    def value(self, tensor: Tensor) -> Any:
        """The only element."""
        refuse_many(tensor)
        return self._check(tensor.data.item())  # type: ignore[union-attr]

    def tensor(self, value: Any) -> Tensor:
        """A tensor with one element."""
        return Tensor(self.name, self.datatype, (1,), np.array([value], held(self.datatype)))


class Encoded(Kind):
    """One element of BYTES."""

    def __init__(self, name: str, decode: Callable[[bytes], Any], encode: Callable[[Any], bytes]):
        super().__init__(name, "BYTES", (1,))
        self._decode, self._encode = decode, encode

    def value(self, tensor: Tensor) -> Any:
        """What the only element stands for."""
        refuse_many(tensor)
        assert isinstance(tensor.data, tuple)
        return self._decode(tensor.data[0])

    def tensor(self, value: Any) -> Tensor:
        """A tensor with one element."""
        return Tensor(self.name, "BYTES", (1,), (self._encode(value),))


def refuse_many(tensor: Tensor) -> None:
    """Refuse all but one element."""
    if tensor.shape not in ((1,), ()):
        raise ValueError("its shape must be [1]")


SCALARS: dict[Any, tuple[str, tuple[str, ...]]] = {
    bool: ("BOOL", ("BOOL",)),
    int: ("INT64", INTEGERS),
    float: ("FP64", (*FLOATING, *INTEGERS)),
}


def kind_of(port: ServedPort) -> Kind:
    """How the values of a port travel."""
    if port.array is not None:
        return Arrays(port.name, port.array)
    kind, adapter = port.type, port.adapter
    if kind in SCALARS:
        return Scalar(port.name, *SCALARS[kind], adapter.validate_python)
    if kind is bytes:
        return Encoded(port.name, adapter.validate_python, bytes)
    if kind is str:
        return Encoded(port.name, lambda data: adapter.validate_python(data.decode()), str.encode)
    return Encoded(port.name, adapter.validate_json, adapter.dump_json)
