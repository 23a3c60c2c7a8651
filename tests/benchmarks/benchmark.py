"""`Benchmark`: a question and those who answer it; `Outcome`: what they answered."""

import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

Measurement = dict[str, float]
Measure = Callable[[], Measurement]


class Missing(Exception):
    """This machine lacks what a contender needs."""


@dataclass(frozen=True)
class Asked:
    """A figure to reach: a contender's, or its relation to that of another in the same round.

    Attributes:
        sense: "at most" or "at least".
        over: the contender to divide by, if any.
        beyond: the contender to subtract, if any.
        key: which figure of the measurement.
    """

    contender: str
    sense: str
    limit: float
    over: str = ""
    beyond: str = ""
    key: str = "value"

    def reached(self, figure: float) -> bool:
        """Tell whether `figure` is on the right side of the limit."""
        return figure <= self.limit if self.sense == "at most" else figure >= self.limit


@dataclass(frozen=True)
class Benchmark:
    """One question, and those who answer it.

    Attributes:
        contenders: what each of them runs, in the order of a round; it gives at least a "value".
        ours: the contender that the others are compared with.
        environment: variables that every measuring process gets.
    """

    name: str
    title: str
    unit: str
    contenders: dict[str, Measure]
    asked: tuple[Asked, ...] = ()
    ours: str = "torchpipe"
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Outcome:
    """What the rounds gave: a measurement per round and contender, or why there is none.

    Attributes:
        others: For each measurement, how many cores other programs kept busy meanwhile.
    """

    benchmark: Benchmark
    rounds: list[dict[str, Measurement]] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    others: list[float] = field(default_factory=list)

    def figures(self, contender: str, key: str = "value") -> list[float]:
        """Return one figure per round."""
        return [r[contender][key] for r in self.rounds if key in r.get(contender, ())]

    def ratio(self, contender: str, other: str) -> float | None:
        """Return the median of the ratios taken within each round."""
        return middle(
            [r[contender]["value"] / r[other]["value"] for r in self.with_both(contender, other)]
        )

    def difference(self, contender: str, other: str) -> float | None:
        """Return the median of the differences taken within each round."""
        return middle(
            [r[contender]["value"] - r[other]["value"] for r in self.with_both(contender, other)]
        )

    def with_both(self, contender: str, other: str) -> list[dict[str, Measurement]]:
        """Return the rounds that have a figure of both contenders, and one to divide by."""
        return [r for r in self.rounds if contender in r and other in r and r[other]["value"]]

    def answer(self, asked: Asked) -> float | None:
        """Return the figure reached where one was asked for; None if it was not measured."""
        if asked.over:
            return self.ratio(asked.contender, asked.over)
        if asked.beyond:
            return self.difference(asked.contender, asked.beyond)
        return middle(self.figures(asked.contender, asked.key))


def middle(figures: list[float]) -> float | None:
    """Return the median, or None if there are no figures."""
    return statistics.median(figures) if figures else None
