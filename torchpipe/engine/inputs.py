"""`Inputs`: what users give to a run, as values of its pipeline's inputs; or why it is refused."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from torchpipe.engine.core import Core
from torchpipe.errors import RunError


class Inputs:
    """The inputs of a pipeline, which are the arguments of its `build`.

    Args:
        core: The run; its pipeline may be closed, then it has none.
    """

    def __init__(self, core: Core):
        self.core = core

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._signature.parameters)

    def submitted(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
        """The values of an item that gives one result.

        Raises:
            RunError: The run does not take such items.
            TypeError: An input is missing, or there is none of that name.
        """
        self._refuse_closed("submit")
        if not self.core.submitting:
            raise RunError(f"cannot submit single items: {self._why_no_requests()}.")
        if self.core.replying:
            raise RunError(
                "cannot submit an item for one result: a cell that yields gives several. Use "
                "run.results(...)."
            )
        return self._bound(args, kwargs)

    def _why_no_requests(self) -> str:
        if self.core.plan.one_to_one:
            return "the run takes a stream. Use run.map(items)"
        return (
            f"'{self.core.plan.way[1].region.start}' yields, which numbers the results anew, so no "
            f"result belongs to an item. Use run.map(items), or pipeline.run(stream=False) and "
            f"run.results(...)"
        )

    def sent(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
        """The values of an item that gives several results.

        Raises:
            RunError: The run does not take such items.
            TypeError: An input is missing, or there is none of that name.
        """
        self._refuse_closed("send")
        if not self.core.replying:
            raise RunError(self._why_no_results())
        return self._bound(args, kwargs)

    def _why_no_results(self) -> str:
        if self.core.plan.one_to_one:
            return "cannot give several results: each item has one here. Use run.submit(...)."
        return (
            "cannot take an item as a request: the run takes a stream. Use run.map(items), or "
            "start it with pipeline.run(stream=False)."
        )

    def refuse_map(self) -> None:
        """Raise if the run does not take the elements of `map`.

        Raises:
            RunError: With the reason.
        """
        self._refuse_closed("map")
        if self.core.replying:
            raise RunError(
                "cannot map items: the run takes each as a request. Use run.results(...) for each, "
                "or start it without stream=False."
            )

    def of(self, element: Any) -> list[Any]:
        """The values that an element of `map` stands for: one, or a mapping or tuple of several."""
        entry = self.core.graph.entry
        assert entry is not None
        if len(entry.outputs) == 1:
            return [element]
        if isinstance(element, Mapping):
            return self._bound((), element)
        if not isinstance(element, Iterable):
            raise TypeError(
                f"cannot map {type(element).__name__} objects: each item must be a tuple or a "
                f"mapping of {self._names}."
            )
        return self._bound(tuple(element), {})

    def packed(self, element: Any) -> Any:
        """The same as the head of a stream reads it: a value, or a list of several."""
        values = self.of(element)
        return values[0] if len(values) == 1 else values

    def _refuse_closed(self, what: str) -> None:
        if self.core.graph.entry is None:
            raise RunError(
                f"cannot {what} items: the pipeline has no inputs, its sources give the items. "
                f"Iterate over a run of it (`with pipeline.run() as run`), or give `build` an "
                f"argument."
            )

    def _bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> list[Any]:
        """The values for all inputs, in order; defaults where nothing is given."""
        try:
            bound = self._signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TypeError(
                f"cannot run the pipeline: {error}. Its inputs: {self._names}."
            ) from None
        bound.apply_defaults()
        return list(bound.arguments.values())

    @property
    def _names(self) -> str:
        return ", ".join(self._signature.parameters)

    @cached_property
    def _signature(self) -> inspect.Signature:
        return inspect.signature(self.core.graph.pipeline.build)
