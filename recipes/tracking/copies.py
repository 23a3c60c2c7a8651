"""`Copies`: what the copies of a cell are told, where each of several videos has its own."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from .apart import Apart
from .inputs import VideoSource
from .outputs.sink import Sink
from .outputs.sinks import Show, WriteVideo
from .zones.cell import CountTracks
from .zones.read import read_zones
from .zones.shapes import Zone


class Copies:
    """Makes a copy what it must be for its video: its methods go to `Apart.cell`.

    Args:
        apart: The videos.
        sources: Where their frames come from, by name.

    Attributes:
        counted: What was counted in each video, in words: see `CountTracks`.
    """

    def __init__(self, apart: Apart, sources: Mapping[str, VideoSource]):
        self._apart, self._sources = apart, sources
        self.counted: dict[str, dict[str, str]] = {name: {} for name in apart.names}

    def counting(self, file: str | None) -> Callable[[CountTracks, str], None]:
        """Returns what gives a counter the zones of its video.

        Args:
            file: The file of zones, if there is one; `{video}` in it stands for the video's name.

        Raises:
            UsageError: A file can't be read, or something in it is not a zone.
        """
        names = self._apart.names if file is not None else ()
        zones = {name: read_zones(self._apart.filled(str(file), name)) for name in names}
        return partial(self._count, zones)

    def _count(self, zones: Mapping[str, Sequence[Zone]], count: CountTracks, name: str) -> None:
        count.summary, count.zones = self.counted[name], tuple(zones.get(name, ()))

    def aim(self, sink: Sink, name: str) -> None:
        """Makes a sink write into the file of its video, and keep it if a camera is gone."""
        self._apart.aim(sink, name)
        sink.keep = self._any_gone

    def film(self, film: WriteVideo, name: str) -> None:
        """Makes a film, like any sink, the one of its video, and as fast."""
        self.aim(film, name)
        film.rate = self._sources[name].rate

    def show(self, show: Show, name: str) -> None:
        """Makes a window show its video; whoever closes it ends the run."""
        show.target = name
        show.on_close = self._leave

    def _any_gone(self) -> bool:
        return any(source.losses.gone for source in self._sources.values())

    def _leave(self) -> None:
        for source in self._sources.values():
            source.losses.leave()
