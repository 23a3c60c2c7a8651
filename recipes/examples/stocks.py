"""The relative strength of stocks, month by month: `torchpipe run examples stocks`."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torchpipe as tp

from .shipped import shipped


class Price(NamedTuple):
    """What a share costs on a day, in dollars."""

    day: str
    company: str
    close: float


class Prices(tp.Cell):
    """Gives the prices in a table, day by day: a column for each company, gaps left out."""

    def __init__(self, table: Path):
        super().__init__()
        self.table = table

    def forward(self) -> Iterator[Price]:
        with self.table.open() as file:
            lines = (line for line in file if not line.startswith("#"))
            for row in csv.DictReader(lines):
                day = row.pop("Date")
                yield from (Price(day, name, float(text)) for name, text in row.items() if text)


class RelativeStrength(tp.Cell):
    """The relative strength index of one stock: 100 if it only rises, 0 if it only falls.

    Gains and losses are averaged over the last prices, with weights that decline (Wilder, "New
    Concepts in Technical Trading Systems", 1978). It needs every price in order: it is stateful.
    """

    stateful = True
    memory = tp.Parameter(14.0, ge=1.0, doc="prices that the averages remember")

    def reset(self) -> None:
        self.last: float | None = None
        self.gain = self.loss = 0.0

    def forward(self, close: float) -> float:
        change = 0.0 if self.last is None else close - self.last
        self.last = close
        self.gain += (max(change, 0.0) - self.gain) / self.memory
        self.loss += (max(-change, 0.0) - self.loss) / self.memory
        moved = self.gain + self.loss
        return 100 * self.gain / moved if moved else 50.0

    def state_dict(self) -> dict[str, Any]:
        return {"last": self.last, "gain": self.gain, "loss": self.loss}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.last, self.gain, self.loss = state["last"], state["gain"], state["loss"]


class Strength(tp.Pipeline):
    """Follows all stocks of a table, each by itself.

    Args:
        table: A CSV file with a column `Date` and one for each company; default: ten stocks and
            indices from 1990 on, which come with Matplotlib.
    """

    def __init__(self, table: Path | None = None):
        super().__init__()
        usual = "matplotlib/mpl-data/sample_data/Stocks.csv"
        self.prices = Prices(table or shipped("matplotlib", usual))
        self.strength = tp.Each(RelativeStrength())  # one that remembers, for each company
        self.last = tp.Call(self.keep)
        self.strengths: dict[str, float] = {}

    def build(self) -> tuple[tp.Output, ...]:
        price = self.prices()
        strength = self.strength(price.company, price.close)
        pack = tp.cell(lambda company, strength: (company, strength))
        self.last(pack(price.company, strength))
        return price.day, price.company, strength

    def keep(self, item: tuple[str, float]) -> None:
        """Remember the latest strength of a company."""
        company, self.strengths[company] = item[0], item[1]

    def summary(self) -> dict[str, str]:
        """The strongest and the weakest."""
        ranked = sorted(self.strengths, key=self.strengths.__getitem__)
        told = [f"{name} ({self.strengths[name]:.0f})" for name in (ranked[-1], ranked[0])]
        return {"strongest": told[0], "weakest": told[1]}
