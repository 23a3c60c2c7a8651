"""`Weights`: one network, at most one copy of it per device, for all clones of a cell.

Guarantees:

* Clones with the same device, dtype and settings share one module, parameters and buffers included.
* On the device and with the dtype that the network has already, nothing is copied: the parameters
  and buffers *are* the user's own, so that training in place is seen here at once.
* The user's module is never changed: not its device, not its dtype, not its train or eval mode. A
  clone's module is a second tree of module objects over the same tensors.
* A copy lives as long as a clone uses it.
"""

from __future__ import annotations

import copy
import inspect
import threading
import types
import weakref
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, get_type_hints

import torch
from torch import Tensor, nn

from torchpipe.errors import ParameterError

Net = nn.Module | Callable[[], nn.Module]


class Placement(NamedTuple):
    """What tells one copy of the network from another."""

    device: torch.device
    dtype: torch.dtype | None = None
    evaluate: bool = True
    compile: bool | str = False


class Weights:
    """A network, or the function that makes it, shared by a cell and all its copies.

    Copying a `Weights` gives the same object; pickling one takes the network along, but not the
    copies that were made of it.
    """

    def __init__(self, net: Net):
        self.net = net
        self._prepare()

    def _prepare(self) -> None:
        self._lock = threading.RLock()  # a compiled copy asks for the plain one
        self._placed: weakref.WeakValueDictionary[Placement, nn.Module] = (
            weakref.WeakValueDictionary()
        )

    def on(self, placement: Placement) -> nn.Module:
        """The network on a device; made by the first who asks, while the others wait."""
        with self._lock:
            module = self._placed.get(placement)
            if module is None:
                module = self._placed[placement] = self._place(placement)
        return module

    def _place(self, placement: Placement) -> nn.Module:
        if placement.compile:
            plain = self.on(placement._replace(compile=False))
            return compiled(plain, placement.compile)
        module = self._tree(placement)
        return module.eval() if placement.evaluate else module

    def _tree(self, placement: Placement) -> nn.Module:
        """A tree of modules of our own on the device; the user's own where nothing would differ."""
        if not isinstance(self.net, nn.Module):
            return self.net().to(device=placement.device, dtype=placement.dtype)
        at_home = is_at_home(self.net, placement)
        if at_home and not placement.evaluate:
            return self.net
        module = twin(self.net, placement)
        # Tensors that are neither parameters nor buffers follow only through `Module.to`; it must
        # not run where the parameters are the user's.
        return module if at_home else module.to(device=placement.device, dtype=placement.dtype)

    def signature(self) -> Callable[..., Any]:
        """The network's `forward`, without calling the function that makes it.

        Raises:
            ParameterError: The function does not say which class of network it makes.
        """
        if isinstance(self.net, nn.Module):
            return self.net.forward
        return types.MethodType(made_class(self.net).forward, self)

    def __copy__(self) -> Weights:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Weights:
        return self

    def __getstate__(self) -> dict[str, Any]:
        return {"net": self.net}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.net = state["net"]
        self._prepare()

    def __repr__(self) -> str:
        kind = type(self.net) if isinstance(self.net, nn.Module) else self.net
        return getattr(kind, "__name__", repr(kind))


def tensors(net: nn.Module) -> list[Tensor]:
    """Parameters and buffers, each once."""
    return [*net.parameters(), *net.buffers()]


def is_at_home(net: nn.Module, placement: Placement) -> bool:
    """Whether the network's tensors are on the device, and in the dtype, as they are."""
    return all(
        tensor.device == placement.device and tensor.dtype == dtype_in(tensor, placement)
        for tensor in tensors(net)
    )


def dtype_in(tensor: Tensor, placement: Placement) -> torch.dtype:
    """The dtype of one of the network's tensors in this placement: integers keep theirs."""
    return placement.dtype or tensor.dtype if tensor.is_floating_point() else tensor.dtype


def twin(net: nn.Module, placement: Placement) -> nn.Module:
    """A deep copy of the network whose tensors are moved, or shared where they need not move.

    Raises:
        ParameterError: The network cannot be copied.
    """
    try:
        memo: dict[int, Any] = {id(tensor): moved(tensor, placement) for tensor in tensors(net)}
        return copy.deepcopy(net, memo)
    except Exception as error:
        raise ParameterError(
            f"cannot make a copy of {type(net).__name__} for {placement.device}: "
            f"{type(error).__name__}: {error}. Pass a function that makes the network: "
            f"tp.ModuleCell(make_net)."
        ) from error


def moved(tensor: Tensor, placement: Placement) -> Tensor:
    """The tensor in this placement: itself if it is there already."""
    there = tensor.detach().to(placement.device, dtype_in(tensor, placement))
    if there.device == tensor.device and there.dtype == tensor.dtype:
        return tensor
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(there, requires_grad=tensor.requires_grad)
    return there


def compiled(module: nn.Module, backend: bool | str) -> nn.Module:
    """The module through `torch.compile`, with the named backend or torch's default."""
    result: Any = torch.compile(module, backend=backend if isinstance(backend, str) else "inductor")
    return result  # type: ignore[no-any-return]  # its type is that of a function


def made_class(make: Callable[[], nn.Module]) -> type[nn.Module]:
    """Which class of network the function makes: itself, or its return annotation."""
    maker = make.func if isinstance(make, partial) else make
    made = maker if inspect.isclass(maker) else returned(maker)
    if not (inspect.isclass(made) and issubclass(made, nn.Module)) or made is nn.Module:
        name = getattr(maker, "__name__", repr(maker))
        raise ParameterError(
            f"cannot tell the inputs of the network that {name} makes: the function has no return "
            f"annotation that names a class of nn.Module. Write `def {name}() -> MyNet:`, or pass "
            f"the network itself."
        )
    return made


def returned(function: Callable[..., Any]) -> Any:
    """The return annotation, or None."""
    try:
        return get_type_hints(function).get("return")
    except (NameError, TypeError):  # a name for type checkers only, or no function at all
        return None
