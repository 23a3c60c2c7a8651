"""Average precision of the person detector on real videos with ground truth.

python -m tests.recipes.tracking.precision ../shared/data --levels 1 --every 1
"""

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from recipes.tracking.boxes import Detections, overlaps
from recipes.tracking.detector import PersonDetector
from recipes.tracking.mot import read_detections
from recipes.tracking.video import read_frames
from recipes.tracking.weights import load_ssdlite

VIDEOS = {
    "TUD-Campus": "TUD-Campus.mp4",
    "TUD-Stadtmitte": "TUD-Stadtmitte.mp4",
    "PETS09-S2L1": "vtest.avi",
}


def average_precision(found: list[Detections], truth: list[Detections]) -> float:
    """The area under the curve of precision over recall, for boxes that overlap by 0.5 or more."""
    hits = np.concatenate([matches(f, t) for f, t in zip(found, truth, strict=True)])
    scores = np.concatenate([f.scores.numpy() for f in found])
    right = np.cumsum(hits[np.argsort(-scores, kind="stable")])
    precision = right / np.arange(1, len(right) + 1)
    best = np.maximum.accumulate(precision[::-1])[::-1]
    return float(np.diff(right, prepend=0) @ best / sum(len(t) for t in truth))


def matches(found: Detections, truth: Detections) -> NDArray[np.bool_]:
    """Which detections are someone who is there; the surest choose first, each person once."""
    overlap = overlaps(found.boxes.double().numpy(), truth.boxes.numpy())
    hits = np.zeros(len(found), dtype=bool)
    for row in np.argsort(-found.scores.numpy(), kind="stable"):
        person = overlap[row].argmax() if len(truth) else None
        if person is not None and overlap[row, person] >= 0.5:
            hits[row], overlap[:, person] = True, -1
    return hits


def measure(data: Path, sequence: str, detector: PersonDetector, every: int) -> float:
    """Average precision on every n-th frame of one sequence."""
    truth = read_detections(data / "mot" / sequence / "gt" / "gt.txt")[::every]
    frames = list(read_frames(data / "video" / VIDEOS[sequence]))[::every]
    return average_precision([detector(frame, 0.05) for frame in frames], truth)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--levels", type=int, default=1)
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(1)
    detect = PersonDetector(load_ssdlite(), options.levels)
    for name in VIDEOS:
        start = perf_counter()
        result = measure(options.data, name, detect, options.every)
        print(  # noqa: T201 - this is a command
            f"{name:15} AP50 {result:.3f}  {perf_counter() - start:.0f} s"
        )
