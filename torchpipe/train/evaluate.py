"""`Evaluate`: how good a network is, over a whole stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_leaves

from torchpipe.cells.transfer import caster, with_arguments
from torchpipe.cells.weights import Placement, Weights, tensors
from torchpipe.errors import RunError
from torchpipe.graph.cell import Cell
from torchpipe.graph.clone import Clone

Metric = Callable[..., Any]


class Evaluate(Cell):
    """Takes batches, and at the end of the stream gives the mean of each metric over all samples.

    The network runs in inference mode and in eval mode, on its weights as they are: between epochs
    of training, and beside it, those of the moment. Its own mode stays as it is. An empty stream
    gives nothing.

    Args:
        model: The network; None takes outputs that were computed before, by a scaled-up
            `tp.ModuleCell`, as the batch.
        metrics: Functions by name. Each is called with the network's output and the target, or
            without one with the output, and gives the mean of the batch, or a value per sample.
        device: Where to run, if not where the network is or on the clone's device.

    Raises:
        RunError: A batch holds no tensor with rows, so that nobody knows how many samples it has.

    >>> import torch, torchpipe as tp
    >>> from torchpipe.testing import check_cell
    >>> evaluate = tp.Evaluate(torch.nn.Identity(), {"error": torch.sub})
    >>> check_cell(evaluate, (torch.ones(2), torch.zeros(2)), (torch.ones(1), torch.ones(1)))
    [{'error': 0.6666666666666666}]
    """

    stateful = True

    def __init__(
        self,
        model: nn.Module | None,
        metrics: Mapping[str, Metric],
        *,
        device: str | torch.device | None = None,
    ):
        super().__init__()
        self.weights = None if model is None else Weights(model)
        self.metrics, self.device = dict(metrics), device

    def setup(self, clone: Clone) -> None:
        self._clone = clone

    def reset(self) -> None:
        self._count = 0
        self._sums: dict[str, Any] = dict.fromkeys(self.metrics, 0.0)
        self._run: Callable[..., Any] | None = None  # made when all cells are set up

    def forward(self, batch: Any, target: Any = None) -> Iterator[dict[str, float]]:
        """Take in a batch, tensors of shape `(n, ...)`; the means come at the end."""
        with torch.inference_mode():
            self._run = self._run or self._placed()
            count = rows(batch)
            for name, value in self._run(batch, target).items():
                self._sums[name] = self._sums[name] + value * count
            self._count += count
        yield from ()

    def _placed(self) -> Callable[..., Any]:
        """What gives the metrics of a batch, on the device where the network runs."""
        if self.weights is None:
            return self._measured
        device = torch.empty(0, device=self.device or self._home()).device
        net = self.weights.on(Placement(device))
        return with_arguments(
            lambda batch, target: self._measured(net(batch), target), caster(device, None)
        )

    def _home(self) -> str | torch.device:
        """The clone's device, if it has one of its own, or that of the network."""
        net = None if self.weights is None else self.weights.net
        if self._clone.device == "cpu" and isinstance(net, nn.Module):
            return next((tensor.device for tensor in tensors(net)), torch.device("cpu"))
        return self._clone.device

    def _measured(self, output: Any, target: Any) -> dict[str, Tensor]:
        known = (output,) if target is None else (output, target)
        return {
            name: torch.as_tensor(metric(*known), dtype=torch.float64).mean()
            for name, metric in self.metrics.items()
        }

    def flush(self) -> Iterator[dict[str, float]]:
        """Give the means."""
        if self._count:
            yield {name: float(total) / self._count for name, total in self._sums.items()}

    def state_dict(self) -> dict[str, Any]:
        return {"count": self._count, "sums": {name: float(v) for name, v in self._sums.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._count, self._sums = state["count"], dict(state["sums"])

    def __getstate__(self) -> dict[str, Any]:
        """Leave behind what belongs to one clone."""
        state = super().__getstate__()
        for name in ("_clone", "_count", "_sums", "_run"):
            state.pop(name, None)
        return state

    def describe(self) -> str:
        kind = [] if self.weights is None else [repr(self.weights)]
        return ", ".join([*kind, *self.metrics])


def rows(batch: Any) -> int:
    """How many samples a batch has.

    Raises:
        RunError: It does not say.
    """
    for leaf in tree_leaves(batch):
        if isinstance(leaf, Tensor) and leaf.ndim:
            return len(leaf)
    raise RunError(
        f"cannot count the samples of a {type(batch).__name__}: there is no tensor in it with a "
        f"row for each. Give batches of tensors."
    )
