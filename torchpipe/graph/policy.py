"""What a cell asks of the engine: what to do on an error, and how to batch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torchpipe.errors import ParameterError


@dataclass(frozen=True)
class Skip:
    """On an error, leave a hole at this item and go on, within a budget.

    Args:
        budget: How many items may be skipped: a number of items (int), or a fraction of the items
            seen so far (float below 1, judged from the 100th item on). One more raises
            `BudgetExceeded`.

    Raises:
        ParameterError: The budget is negative, or a fraction above 1.

    >>> Skip(budget=3).exceeded(skipped=4, seen=1000), Skip(budget=0.01).exceeded(4, 1000)
    (True, False)
    """

    budget: int | float = 100

    def __post_init__(self) -> None:
        if self.budget < 0 or (isinstance(self.budget, float) and self.budget > 1):
            raise ParameterError(
                f"cannot skip with {self}: budget must be a number of items, at least 0, or a "
                f"fraction from 0.0 to 1.0."
            )

    def exceeded(self, skipped: int, seen: int) -> bool:
        """Whether `skipped` failures among `seen` items are too many."""
        if isinstance(self.budget, float):
            return skipped > self.budget * max(seen, 100)
        return skipped > self.budget


@dataclass(frozen=True)
class Retry:
    """On an error, call the cell again with the same item, and then raise or skip.

    Args:
        attempts: Most calls after the first one.
        then: What to do when the last one fails too.

    Raises:
        ParameterError: `attempts` is negative.

    >>> Retry(2, then=Skip(budget=10))
    Retry(attempts=2, then=Skip(budget=10))
    """

    attempts: int
    then: Literal["raise", "skip"] | Skip = "raise"

    def __post_init__(self) -> None:
        if self.attempts < 0:
            raise ParameterError(f"cannot retry with {self}: attempts must be at least 0.")


ErrorPolicy = Literal["raise", "skip"] | Skip | Retry


def attempts_and_skip(policy: ErrorPolicy) -> tuple[int, Skip | None]:
    """The two facts in a policy: how often to try again, and how to skip, if at all.

    >>> attempts_and_skip(Retry(2, then="skip"))
    (2, Skip(budget=100))
    """
    attempts, then = (policy.attempts, policy.then) if isinstance(policy, Retry) else (0, policy)
    if isinstance(then, Skip):
        return attempts, then
    if then not in ("raise", "skip"):
        raise ParameterError(
            f'cannot have on_error={policy!r}: it must be "raise", "skip", tp.Skip or tp.Retry.'
        )
    return attempts, Skip() if then == "skip" else None


@dataclass(frozen=True)
class Batching:
    """Dynamic batching: a clone takes several waiting items and runs them in one call.

    Every item keeps its number, so that outside the cell is still one in, one out. The cell should
    define `forward_batch(items)`, which takes a list of argument tuples and returns a list of
    results of the same length: without, the items of a call go through `forward` one by one, and
    nothing is won.

    Which items are in a call depends on time and on the number of clones. A network's results may
    differ in the last bits with it, as sums of floating-point numbers do: see the guarantees.

    Args:
        max_size: Most items in one call.
        max_wait: Longest time in seconds that the first item of a batch waits for others.

    Raises:
        ParameterError: One of them is too small.

    >>> Batching(max_size=16)
    Batching(max_size=16, max_wait=0.005)
    """

    max_size: int
    max_wait: float = 0.005

    def __post_init__(self) -> None:
        if self.max_size < 1 or self.max_wait < 0:
            raise ParameterError(
                f"cannot batch with {self}: max_size must be at least 1 and max_wait at least 0."
            )
