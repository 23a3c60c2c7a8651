"""Where everything goes: cells in layers, so that lines lead onwards.

After "Methods for Visual Understanding of Hierarchical System Structures" (Sugiyama et al. 1981,
https://doi.org/10.1109/TSMC.1981.4308636): a line over several layers gets a stop in each of them;
each layer is sorted by what its members are connected with. The line of a value for the next item
counts as one the other way round. Cells of a nested pipeline have a band of their own. `along` is
the direction in which values go, `across` the other. Units are pixels.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from itertools import pairwise
from statistics import fmean

from diagrams.chart import Chart, Line
from diagrams.extent import Layout, Point, frame, moved, size_of
from diagrams.ranks import ranks

GAP, STOP, BETWEEN_BANDS = 16, 8, 44
LETTER_OF_NAMES = 6.1
SWEEPS = 16

Band = tuple[str, ...]


def place(chart: Chart, down: bool) -> Layout:
    """Lay a chart out."""
    return Placing(chart, down).layout()


class Placing:
    """The work of laying a chart out: a member of a layer is a box, or a stop of a line."""

    def __init__(self, chart: Chart, down: bool):
        self.chart, self.down = chart, down
        self.rank: dict[str, int] = ranks(chart)
        self.band: dict[str, Band] = {name: box.groups for name, box in chart.boxes.items()}
        self.breadth = {name: size_of(box)[not down] for name, box in chart.boxes.items()}
        self.ways = [self._way(number, line) for number, line in enumerate(chart.lines.values())]
        self.near = neighbours(self.ways)
        self.across: dict[str, float] = {}

    def _way(self, number: int, line: Line) -> list[str]:
        """The members that a line passes, onwards; its stops become members."""
        start, end = (line.end, line.start) if line.is_back else (line.start, line.end)
        stops = [f"{number}/{rank}" for rank in range(self.rank[start] + 1, self.rank[end])]
        for rank, stop in enumerate(stops, self.rank[start] + 1):
            self.rank[stop], self.breadth[stop] = rank, STOP
            self.band[stop] = common(self.band[start], self.band[end])
        return [start, *stops, end]

    def layout(self) -> Layout:
        """All places."""
        edge = 0.0
        for band in sorted(set(self.band.values())):
            edge = self._lay(band, edge)
        starts = self._starts()
        laid = Layout(self.down)
        laid.middles = {name: self._at(name, starts) for name in self.chart.boxes}
        laid.lines = [self._points(number, starts) for number in range(len(self.ways))]
        laid.frames = {group: frame(group, self.chart, laid.middles) for group in self.chart.labels}
        return moved(laid, self.chart)

    def _lay(self, band: Band, edge: float) -> float:
        """Place the members of a band beyond an edge; returns the next one."""
        layers: dict[int, list[str]] = defaultdict(list)
        for member in self.rank:
            if self.band[member] == band:
                layers[self.rank[member]].append(member)
        for layer in layers.values():
            self._spread(layer, lambda _: 0.0)
        for sweep in range(SWEEPS):
            for rank in sorted(layers, reverse=sweep % 2 == 1):
                if sweep < SWEEPS // 2:
                    layers[rank].sort(key=self._wish)
                self._spread(layers[rank], self._wish)
        return self._shift([member for layer in layers.values() for member in layer], edge)

    def _wish(self, member: str) -> float:
        """Where its neighbours, as far as they are placed, would have it."""
        known = [self.across[other] for other in self.near[member] if other in self.across]
        return fmean(known) if known else self.across[member]

    def _spread(self, layer: list[str], wish: Callable[[str], float]) -> None:
        """Place members in their order, near to where they wish to be, without overlaps."""
        wishes, places = [wish(member) for member in layer], []
        for before, member, wished in zip([None, *layer], layer, wishes, strict=False):
            apart = 0 if before is None else self._apart(before, member)
            places.append(max(wished, places[-1] + apart) if places else wished)
        shift = fmean(wishes) - fmean(places)
        self.across |= {member: at + shift for member, at in zip(layer, places, strict=True)}

    def _apart(self, one: str, other: str) -> float:
        return (self.breadth[one] + self.breadth[other]) / 2 + GAP

    def _shift(self, members: list[str], edge: float) -> float:
        """Move a band beyond an edge; returns its own other edge."""
        low = min(self.across[member] - self.breadth[member] / 2 for member in members)
        for member in members:
            self.across[member] += edge - low
        high = max(self.across[member] + self.breadth[member] / 2 for member in members)
        return high + BETWEEN_BANDS

    def _starts(self) -> list[Point]:
        """Where each layer begins and ends along the way."""
        lengths = [0.0] * (1 + max(self.rank.values()))
        for name, box in self.chart.boxes.items():
            lengths[self.rank[name]] = max(lengths[self.rank[name]], size_of(box)[self.down])
        spans, at = [], 0.0
        for rank, length in enumerate(lengths):
            spans.append((at, at + length))
            at += length + self._room(rank)
        return spans

    def _room(self, rank: int) -> float:
        """The distance to the next layer: enough for the names that stand there."""
        named = [told(line) for line, way in self._drawn() if self.rank[way[0]] == rank]
        longest = max(map(len, named), default=0)
        return 46 if self.down else max(46, longest * LETTER_OF_NAMES + 30)

    def _drawn(self) -> Iterable[tuple[Line, list[str]]]:
        return zip(self.chart.lines.values(), self.ways, strict=True)

    def _at(self, name: str, spans: list[Point]) -> Point:
        return self._turned(fmean(spans[self.rank[name]]), self.across[name])

    def _turned(self, along: float, across: float) -> Point:
        return (across, along) if self.down else (along, across)

    def _points(self, number: int, spans: list[Point]) -> list[Point]:
        """The points of a line: it leaves the side of a box, and is straight beside others."""
        way = self.ways[number]
        first, last = self._side(way, number, 0), self._side(way, number, -1)
        reach = [size_of(self.chart.boxes[name])[self.down] / 2 for name in (way[0], way[-1])]
        points = [(fmean(spans[self.rank[way[0]]]) + reach[0], first)]
        for stop in way[1:-1]:
            points += [(edge, self.across[stop]) for edge in spans[self.rank[stop]]]
        points.append((fmean(spans[self.rank[way[-1]]]) - reach[1], last))
        return [self._turned(*point) for point in points]

    def _side(self, way: list[str], number: int, end: int) -> float:
        """Where on its side a line leaves a box, or reaches it: lines share a side in order."""
        name, nextdoor = way[end], 1 if end == 0 else -2
        others = [other for other in range(len(self.ways)) if self.ways[other][end] == name]
        others.sort(key=lambda other: (self.across[self.ways[other][nextdoor]], other))
        share = (others.index(number) + 1) / (len(others) + 1) - 0.5
        return self.across[name] + share * min(self.breadth[name], 80)


def told(line: Line) -> str:
    """What stands beside a line; `out`, the name of an only output, says nothing."""
    return ", ".join(name for name in line.names if name != "out")


def neighbours(ways: list[list[str]]) -> dict[str, list[str]]:
    """The members before and after each."""
    found: dict[str, list[str]] = defaultdict(list)
    for way in ways:
        for one, other in pairwise(way):
            found[one].append(other)
            found[other].append(one)
    return found


def common(one: Band, other: Band) -> Band:
    """The groups that two share, from the outermost in."""
    count = 0
    while count < min(len(one), len(other)) and one[count] == other[count]:
        count += 1
    return one[:count]
