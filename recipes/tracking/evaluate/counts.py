"""What the metrics share: counts add up over sequences; and matches, however they are made."""

from dataclasses import dataclass, fields
from typing import Self


@dataclass(frozen=True)
class Counts:
    """Counts of one sequence, or of several: they add up."""

    def __add__(self, other: Self) -> Self:
        return type(self)(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class Matches(Counts):
    """Which boxes are matched.

    Attributes:
        matched: Boxes of people that are shown: true positives.
        missed: Boxes of people that are not: false negatives.
        wrong: Boxes of tracks that are of nobody, or of another person: false positives.
    """

    matched: int
    missed: int
    wrong: int

    @property
    def recall(self) -> float:
        """The share of the ground truth that is found."""
        return self.matched / max(1, self.matched + self.missed)

    @property
    def precision(self) -> float:
        """The share of what is shown that is there."""
        return self.matched / max(1, self.matched + self.wrong)
