"""`ModuleCell`: any `nn.Module` as a cell."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn

from torchpipe.cells.rows import groups, split, stack
from torchpipe.cells.transfer import caster, handed_over, with_arguments
from torchpipe.cells.weights import Net, Placement, Weights
from torchpipe.errors import ParameterError
from torchpipe.graph.cell import Cell
from torchpipe.graph.clone import Clone
from torchpipe.graph.parameter import Config
from torchpipe.graph.policy import Batching


class ModuleCell(Cell):
    """Runs an `nn.Module`; its inputs and outputs are those of the module's `forward`.

    The module itself stays as it is, its train or eval mode too. Clones run a second tree of module
    objects over the *same* parameters and buffers, in eval mode, so that training the module in
    place is seen at once; on another device, or with another dtype, they run a copy made in
    `setup`. Clones that agree in device and configs share one: thread clones run it at the same
    time, so its `forward` must not write to `self`.

    Tensors among the arguments are moved to the clone's device, and floating ones to `dtype`;
    results stay on the device. Copies from the CPU to a CUDA device go through pinned memory, and a
    CUDA clone gives a result when it is complete.

    Args:
        net: The module, or a function that makes it: called in `setup`, once per device; its return
            annotation names the class of the module (a class of modules does, too).
        device: Where to run, if not on the clone's device.
        dtype: What the module's floating tensors, and those among the arguments, are cast to.
        autocast: Compute in this dtype where torch finds it safe (`torch.autocast`).
        inference: Run in inference mode and in eval mode. Results are inference tensors: a cell
            that changes one in place or trains on it must `clone()` it first. With False the user's
            own module runs, in its own mode, and gradients flow.
        compile: Compile the module with `torch.compile`; a string names its backend.
        batch: Let a clone take several waiting items at once, scaled up or not. Each item is then
            one *sample*: its tensors are stacked along a new first dimension, shape `(n, ...)`,
            samples of another shape in a call of their own; results are split along the first
            dimension, into views of one tensor. Tuples, dicts and lists of tensors are split
            within.

    Raises:
        ParameterError: It is no module and makes none, the module cannot be copied, or its ports
            cannot be told; `batch` is no `tp.Batching`; torch has no such device.
        RunError: With `batch`, the module returned another number of rows than it got.

    >>> import torch, torchpipe as tp
    >>> cell = tp.ModuleCell(torch.nn.Linear(4, 2))
    >>> print(cell.inputs.input)
    ModuleCell.input (Tensor)
    >>> cell(torch.zeros(3, 4)).shape
    torch.Size([3, 2])
    """

    dtype = Config[torch.dtype | None](None, doc="what floating tensors are cast to")
    autocast = Config[torch.dtype | None](None, doc="the dtype of torch.autocast")
    compile = Config[bool | str | None](None, doc="torch.compile, or the name of its backend")

    _run: Callable[..., Any]

    def __init__(
        self,
        net: Net,
        *,
        device: str | torch.device | None = None,
        dtype: torch.dtype | None = None,
        autocast: torch.dtype | None = None,
        inference: bool = True,
        compile: bool | str = False,
        batch: Batching | None = None,
    ):
        super().__init__()
        refuse(net, batch)
        self.weights = Weights(net)
        self.device = device
        self.inference = inference
        self.dtype, self.autocast, self.compile = dtype, autocast, compile
        self.batching = batch

    def port_function(self) -> Callable[..., Any]:
        return self.weights.signature()

    def setup(self, clone: Clone) -> None:
        device = found(self.path, self.device or clone.device)
        placement = Placement(device, self.dtype, self.inference, self.compile or False)
        run: Callable[..., Any] = self.weights.on(placement)
        if self.autocast is not None:
            run = autocasting(run, device, self.autocast, cache=not self.inference)
        run = with_arguments(run, caster(device, self.dtype))
        self._run = handed_over(run, device) if device.type == "cuda" else run

    def teardown(self) -> None:
        self.__dict__.pop("_run", None)

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the module gives, on the clone's device."""
        if self.batching is not None:
            return self.forward_batch([args])[0]
        with self._mode():
            return self._run(*args, **kwargs)

    def forward_batch(self, items: list[tuple[Any, ...]]) -> list[Any]:
        results: list[Any] = [None] * len(items)
        with self._mode():
            for positions in groups(items):
                columns = zip(*(items[position] for position in positions), strict=True)
                rows = split(self._run(*map(stack, columns)), len(positions))
                for position, row in zip(positions, rows, strict=True):
                    results[position] = row
        return results

    def _mode(self) -> AbstractContextManager[Any]:
        return torch.inference_mode() if self.inference else nullcontext()

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what `setup` made: copies and pickles make their own."""
        state = super().__getstate__() | {"_deployed": False}
        state.pop("_run", None)
        return state

    def describe(self) -> str:
        settings = {name: value for name, value in self._configs.items() if value}
        return ", ".join([repr(self.weights), *(f"{k}={v}" for k, v in settings.items())])


def refuse(net: Any, batch: Any) -> None:
    """Refuse what cannot give a network, and a number where a `Batching` is meant."""
    if not isinstance(net, nn.Module) and not makes(net):
        name = getattr(net, "__name__", repr(net))
        raise ParameterError(
            f"cannot make a ModuleCell of {name}: it is no nn.Module, and no function that makes "
            f"one, which takes no arguments. Wrap a function of items with tp.cell(...)."
        )
    if not isinstance(batch, Batching | None):
        raise ParameterError(
            f"cannot batch with {batch!r}: batch must be a tp.Batching. Write "
            f"batch=tp.Batching(max_size=16)."
        )


def makes(function: Any) -> bool:
    """Whether something can be called without arguments, as far as it tells."""
    if not callable(function):
        return False
    try:
        parameters = inspect.signature(function).parameters.values()
    except ValueError:  # written in C
        return True
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return all(p.default is not p.empty or p.kind in variable for p in parameters)


def found(path: str, device: str | torch.device) -> torch.device:
    """The device, with the number that "cuda" means in this thread."""
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:  # this torch was built without CUDA
        here = ", ".join(["cpu", *(f"cuda:{n}" for n in range(torch.cuda.device_count()))])
        raise ParameterError(
            f"cannot run {path} on {str(device)!r}: {str(error).splitlines()[0]}. Devices here: "
            f"{here}."
        ) from error


def autocasting(
    function: Callable[..., Any], device: torch.device, dtype: torch.dtype, cache: bool
) -> Callable[..., Any]:
    """The function under `torch.autocast`.

    Its cache of cast weights is common to all threads and knows nothing of streams, so that clones
    which share weights must not use it.
    """

    def call(*args: Any, **kwargs: Any) -> Any:
        with torch.autocast(device.type, dtype, cache_enabled=cache):
            return function(*args, **kwargs)

    return call
