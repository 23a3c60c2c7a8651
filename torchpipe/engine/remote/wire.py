"""`Message`: values on their way to another process; arrays and tensors travel as plain bytes.

The structure of the values is pickled; the contents of arrays and tensors lie beside it, and are
never copied into a pickle: what transports the message may hand them over in shared memory.
"""

from __future__ import annotations

import io
import pickle
import sys
import warnings
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

SMALL = 2048
"""Bytes up to which contents go into the pickle: apart they would cost more."""


class Message(NamedTuple):
    """Pickled values, and the contents of their arrays and tensors."""

    data: bytes
    buffers: list[Any]

    @property
    def sizes(self) -> list[int]:
        """Bytes of the contents."""
        return [memoryview(buffer).nbytes for buffer in self.buffers]

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self.data) + sum(self.sizes)


def encoded(values: Any, pickler: Any) -> Message:
    """Make a message of any values.

    Args:
        values: Anything that can be pickled.
        pickler: What pickles functions and classes too: that of cloudpickle.

    Raises:
        Exception: Something in the values cannot be pickled.
    """
    buffers: list[pickle.PickleBuffer] = []

    def in_band(buffer: pickle.PickleBuffer) -> bool:
        if buffer.raw().nbytes <= SMALL:
            return True
        buffers.append(buffer)
        return False

    file = io.BytesIO()
    tensor_pickler(pickler)(file, protocol=5, buffer_callback=in_band).dump(values)
    return Message(file.getvalue(), buffers)


def decoded(data: bytes, buffers: Sequence[Any], *, copy: bool) -> Any:
    """The values of a message.

    Args:
        data: As in the message.
        buffers: As in the message.
        copy: Whether arrays and tensors get memory of their own. If not, they are views, and arrays
            cannot be written to.
    """
    return pickle.loads(data, buffers=[bytearray(b) for b in buffers] if copy else buffers)


@cache
def tensor_pickler(base: Any) -> Any:
    """A pickler that lays the contents of tensors beside the pickle."""

    class TensorPickler(base):  # type: ignore[misc]
        def reducer_override(self, value: Any) -> Any:
            reduced = reduced_tensor(value) if type(value).__module__.startswith("torch") else None
            return reduced or super().reducer_override(value)

    return TensorPickler


def reduced_tensor(value: Any) -> tuple[Any, ...] | None:
    """How to pickle a plain tensor, or a parameter; None for anything else.

    One on a GPU arrives on the CPU: the GPU of one process is not there for another.
    """
    torch: Any = sys.modules.get("torch")
    if torch is None or type(value) not in (torch.Tensor, torch.nn.Parameter):
        return None
    plain = value.device.type in ("cpu", "cuda") and value.layout == torch.strided
    special = value.is_quantized or value.is_conj() or value.is_neg() or value.grad_fn is not None
    if special or not plain:
        return None
    flat = value.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
    contents = pickle.PickleBuffer(flat.numpy())
    tensor = tensor_of, (contents, dtype_name(value.dtype), tuple(value.shape))
    if type(value) is torch.Tensor and not value.requires_grad:
        return tensor
    is_parameter = type(value) is not torch.Tensor
    return differentiable, (Reduced(*tensor), is_parameter, value.requires_grad)


class Reduced:
    """Pickles as what it is told to."""

    def __init__(self, *how: Any):
        self.how = how

    def __reduce__(self) -> tuple[Any, ...]:
        return self.how


def dtype_name(dtype: Any) -> str:
    """The name of a torch dtype, such as "bfloat16"."""
    return str(dtype).removeprefix("torch.")


def tensor_of(contents: Any, dtype: str, shape: tuple[int, ...]) -> Any:
    """A tensor over these contents."""
    import torch

    kind = getattr(torch, dtype)
    if memoryview(contents).nbytes == 0:
        return torch.empty(shape, dtype=kind)
    if memoryview(contents).readonly:
        with warnings.catch_warnings():  # torch knows no tensors that cannot be written to
            warnings.simplefilter("ignore")
            return torch.frombuffer(contents, dtype=torch.uint8).view(kind).view(shape)
    return torch.frombuffer(contents, dtype=torch.uint8).view(kind).view(shape)


def differentiable(tensor: Any, is_parameter: bool, requires_grad: bool) -> Any:
    """The tensor as a parameter, or as one that collects gradients."""
    import torch

    if is_parameter:
        return torch.nn.Parameter(tensor, requires_grad=requires_grad)
    return tensor.requires_grad_(requires_grad)
