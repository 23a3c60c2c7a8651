"""The state that torch keeps for each thread, set in every thread of a run.

torch is never imported here: where nobody else did, there is no state to set.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import fields, is_dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

from torchpipe.graph.clone import Clone, RayClone

if TYPE_CHECKING:
    from torchpipe.engine.telemetry.gpu import GpuTimes


class TorchState:
    """Grad mode, inference mode, autocast and threads of the thread that starts a run."""

    def __init__(self) -> None:
        torch: Any = sys.modules.get("torch")
        self.known = torch is not None
        if self.known:
            self.grad = torch.is_grad_enabled()
            self.inference = torch.is_inference_mode_enabled()
            self.threads = torch.get_num_threads()
            self.autocast = {
                device: torch.get_autocast_dtype(device)
                for device in ("cpu", "cuda")
                if torch.is_autocast_enabled(device)
            }

    def elsewhere(self) -> TorchState:
        """The state for other processes: unknown, if it is what torch starts with anyway."""
        state = copy.copy(self)
        state.known = self.known and (not self.grad or self.inference or bool(self.autocast))
        return state

    def apply(self, clone: Clone) -> ExitStack:
        """Set the same state in this thread, and the clone's own number of threads.

        Returns:
            A context that takes it back; on a CUDA device the thread has a stream of its own there.
        """
        stack = ExitStack()
        if not self.known and clone.torch_threads is None and clone.device == "cpu":
            return stack
        import torch

        if self.known or clone.torch_threads is not None:
            torch.set_num_threads(clone.torch_threads or self.threads)
        if self.known:
            stack.enter_context(torch.set_grad_enabled(self.grad))
            if self.inference:
                stack.enter_context(torch.inference_mode())
            for device, dtype in self.autocast.items():
                stack.enter_context(torch.autocast(device, dtype))
        if has_stream(clone):
            stack.enter_context(torch.cuda.device(clone.device))
            stream = torch.cuda.Stream(clone.device)  # type: ignore[no-untyped-call]
            stack.enter_context(torch.cuda.stream(stream))
        return stack


class NoState(TorchState):
    """The torch state of a thread that calls no cells: none."""

    def __init__(self) -> None:
        self.known = "torch" in sys.modules

    def apply(self, clone: Clone) -> ExitStack:
        """Set nothing."""
        return ExitStack()


def has_stream(clone: Clone) -> bool:
    """Whether the clone computes on a CUDA device; Ray also counts some that exist in name only."""
    if not clone.device.startswith("cuda") or not isinstance(clone, RayClone):
        return clone.device.startswith("cuda")
    import torch

    return torch.cuda.is_available()


def synchronized(function: Any, clone: Clone, times: GpuTimes | None = None) -> Any:
    """On a CUDA device, wait for what others compute before a call, and for the call after it.

    Results are recorded with the default stream: an unscaled cell may have queued kernels that read
    them when the clone's next call asks for memory.

    Args:
        function: What to call.
        clone: Whose calls they are.
        times: Where the waits are counted.
    """
    if not has_stream(clone):
        return function
    import torch

    def call(*args: Any, **kwargs: Any) -> Any:
        stream = torch.cuda.current_stream(clone.device)
        common = torch.cuda.default_stream(clone.device)  # unscaled cells work there
        stream.wait_stream(common)
        result = function(*args, **kwargs)
        if times is None:
            stream.synchronize()
        else:
            times.wait(stream)
        for tensor in tensors_in(result):
            if tensor.is_cuda:
                tensor.record_stream(common)
        return result

    return call


def tensors_in(value: Any) -> Iterator[Any]:
    """The tensors in a result: itself, or those in tuples, lists, dicts and dataclasses."""
    import torch

    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, tuple | list):
        yield from chain.from_iterable(map(tensors_in, value))
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))
    elif is_dataclass(value) and not isinstance(value, type):
        yield from tensors_in([getattr(value, field.name) for field in fields(value)])
