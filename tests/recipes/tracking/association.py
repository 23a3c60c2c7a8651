"""How well trackers do on given detections: a table of HOTA, MOTA and IDF1.

python -m tests.recipes.tracking.association ../shared/data --tracker bytetrack --reid
python -m tests.recipes.tracking.association ../shared/data --tracker sort --moves --stride 3 \
    --detections det_frcnn --set max_age=30
"""

import argparse
import ast
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from recipes.tracking.appearance import Colours
from recipes.tracking.boxes import Detections, Floats, Tracks
from recipes.tracking.evaluate import Scores, score
from recipes.tracking.evaluate.sequence import pair
from recipes.tracking.evaluate.table import combined, table
from recipes.tracking.flow import camera_of, dense_flow, moves_of
from recipes.tracking.mot import read_detections, read_rows
from recipes.tracking.trackers import ByteTracker, OcSortTracker, ReId, SortTracker, Tracker
from recipes.tracking.video import read_frames
from tests.recipes.tracking.precision import VIDEOS

TRACKERS = {"sort": SortTracker, "bytetrack": ByteTracker, "ocsort": OcSortTracker}
Frames = Iterator[tuple[Detections, Tensor]]


def follow(tracker: Tracker, frames: Frames, given: argparse.Namespace) -> Iterator[Tracks]:
    """The tracks of each frame, with what the options ask to tell the tracker."""
    before, describe = None, Colours()
    for found, frame in frames:
        looks = describe(frame, found.boxes) if given.reid else None
        moves = camera = None
        if before is not None and (given.moves or given.camera):
            flow = dense_flow(frame, before)
            moves = moves_of(flow, found.boxes) if given.moves else None
            camera = camera_of(flow) if given.camera else None
        before = frame
        yield tracker.update(found.boxes, found.scores, found.labels, looks, moves, camera)


def measure(name: str, given: argparse.Namespace) -> Scores:
    """The scores of one sequence, of which every n-th frame is seen."""
    folder = given.data / "mot" / name
    found = read_detections(folder / given.detections / "det.txt")
    frames = zip(found, read_frames(given.data / "video" / VIDEOS[name]), strict=True)
    settings = dict(given.set) | ({"reid": ReId()} if given.reid else {})
    tracker = TRACKERS[given.tracker](**settings)
    tracks = follow(tracker, islice(frames, 0, None, given.stride), given)
    truth = read_rows(folder / "gt" / "gt.txt")
    truth = truth[(truth[:, 0] - 1) % given.stride == 0]
    truth[:, 0] = (truth[:, 0] - 1) // given.stride + 1
    return score(pair(truth, np.concatenate([rows_of(each) for each in tracks])))


def rows_of(tracks: Tracks) -> Floats:
    """The rows of a MOTChallenge file; boxes have its two decimals."""
    rows = np.full((len(tracks), 8), -1.0)
    rows[:, 0], rows[:, 1], rows[:, 6] = tracks.frame, tracks.ids, 1
    corners = np.round(tracks.boxes, 2)
    rows[:, 2:4], rows[:, 4:6] = corners[:, :2], corners[:, 2:] - corners[:, :2]
    return rows


def setting(text: str) -> tuple[str, Any]:
    """A setting of the tracker, from `name=value`."""
    name, _, value = text.partition("=")
    return name, ast.literal_eval(value)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--tracker", choices=TRACKERS, default="bytetrack")
    parser.add_argument("--detections", default="det_ssdlite")
    parser.add_argument("--stride", type=int, default=1, help="see every n-th frame only")
    parser.add_argument("--set", type=setting, action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--reid", action="store_true", help="by colours")
    parser.add_argument("--moves", action="store_true", help="by optical flow")
    parser.add_argument("--camera", action="store_true", help="compensate for its motion")
    return parser.parse_args()


if __name__ == "__main__":
    options = arguments()
    torch.set_num_threads(1)
    results = {name: measure(name, options) for name in VIDEOS}
    print(table(combined(results)))  # noqa: T201 - this is a command
