"""`CountTracks`: counts as a cell."""

from collections.abc import Sequence
from typing import Any

import torchpipe as tp
from torchpipe.errors import StateError

from ..boxes import Detections, Tracks
from .counter import Counts, ZoneCounter
from .paint import summary
from .shapes import Zone


class CountTracks(tp.Cell):
    """Counts who is there, and who passes zones: see `ZoneCounter`.

    It is given the detections of the frame only to count them too.

    Args:
        zones: Where to count; there may be none.

    Attributes:
        summary: What was counted in the last epoch, in words. The copies that runs make share it.
    """

    stateful = True

    def __init__(self, zones: Sequence[Zone] = ()):
        super().__init__()
        self.zones = tuple(zones)
        self.summary: dict[str, str] = {}

    def reset(self) -> None:
        self._counter, self._ids, self._most = ZoneCounter(self.zones), set[int](), 0
        self._frames = self._found = 0
        self.summary.clear()

    def forward(self, tracks: Tracks, found: Detections | None = None) -> Counts:
        counts = self._counter.update(tracks)
        self._frames += 1
        self.summary["frames"] = f"{self._frames:,}"
        if found is not None:
            self._found += len(found)
            self.summary["frames"] += f", {self._found / self._frames:.1f} detections in each"
        self._ids.update(tracks.ids.tolist())
        self._most = max(self._most, len(tracks))
        self.summary["tracked"] = f"{len(self._ids)}, at most {self._most} in a frame"
        self.summary.update({f"zone {count.zone.name}": summary(count) for count in counts})
        return counts

    def state_dict(self) -> dict[str, Any]:
        return {
            "names": [zone.name for zone in self.zones],
            "zones": self._counter.state_dict(),
            "ids": sorted(self._ids),
            "most": self._most,
            "frames": self._frames,
            "found": self._found,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        names = [zone.name for zone in self.zones]
        if state["names"] != names:
            raise StateError(
                f"cannot go on counting: the run was saved with the zones {state['names']}, and "
                f"these are {names}. Give the same file of zones."
            )
        self._counter.load_state_dict(state["zones"])
        self._ids, self._most = set(state["ids"]), state["most"]
        self._frames, self._found = state["frames"], state["found"]
