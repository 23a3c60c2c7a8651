"""The tracking recipe without a pipeline: its cells, called one after the other in one thread."""

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from recipes.tracking import Tracking
from recipes.tracking.boxes import Detections, Tracks
from recipes.tracking.detections import ReadDetections


def in_a_loop(cells: Tracking) -> Iterator[tuple[Tensor, Tracks]]:
    """What the recipe gives for each frame; its files are whole at the end."""
    for frame, found in found_by(cells):
        looks = cells.look(frame, found) if cells.look else None
        tracks = cells.track(found, looks, *moved(cells, frame, found))
        image = cells.draw(frame, tracks, cells.trails(tracks), cells.count(tracks, found))
        cells.write_video(image)
        cells.write_tracks(tracks)
        yield image, tracks
    cells.write_video.finish()
    cells.write_tracks.finish()


def found_by(cells: Tracking) -> Iterator[tuple[Tensor, Detections]]:
    """Each frame, and what is found there."""
    if isinstance(cells.detect, ReadDetections):
        yield from zip(cells.source(), cells.detect(), strict=False)  # detections never end
    else:
        for frame in cells.source():
            yield frame, cells.detect(frame)


def moved(cells: Tracking, frame: Tensor, found: Detections) -> tuple[Any, Any]:
    """The moves and the camera's motion, as far as they are asked for."""
    if cells.motion is None:
        return None, None
    flow = cells.motion.flow(frame, cells.before(frame))
    moves, camera = cells.motion.move(flow, found)
    return moves, camera
