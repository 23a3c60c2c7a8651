"""The whole tracking recipe, beside the same cells in one plain loop in one thread.

The video is `vtest.avi`, from `../shared/data` or $TORCHPIPE_TEST_DATA, else the recipe's clip.
Both decode, find people, say what they look like and how they move, follow, draw and encode. That
they give the same is held by `tests/recipes/tracking/test_options.py`. How many frames are measured
is set by $TORCHPIPE_BENCHMARK_FRAMES.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any

from tests.benchmarks.benchmark import Asked, Benchmark, Measure, Measurement
from tests.benchmarks.harness import ROOT

FRAMES = int(os.environ.get("TORCHPIPE_BENCHMARK_FRAMES", "120"))
WARM = 8
ENVIRONMENT = {"OMP_NUM_THREADS": "1"}


def video() -> str | None:
    """Return the film to track people in; None for the recipe's own."""
    data = Path(os.environ.get("TORCHPIPE_TEST_DATA", ROOT.parent / "shared" / "data"))
    film = data / "video" / "vtest.avi"
    return str(film) if film.is_file() else None


def frames_per_second(results: Callable[[Any], Iterable[object]]) -> Measurement:
    """Measure from the eighth result on: weights are loaded and threads are up by then."""
    import cv2
    import torch

    from recipes.tracking import Tracking

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        files = {"output": f"{folder}/tracking.mp4", "tracks": f"{folder}/tracking.txt"}
        stream = iter(results(Tracking(video(), flow="both", **files)))
        for _ in islice(stream, WARM):
            pass
        start = time.perf_counter()
        count = sum(1 for _ in islice(stream, FRAMES))
        elapsed = time.perf_counter() - start
        del stream
    return {"value": count / elapsed}


def torchpipe() -> Measurement:
    """Measure the recipe, with two clones of what is scaled up."""

    def results(tracking: Any) -> Iterable[object]:
        with tracking.run() as run:
            yield from run

    return frames_per_second(results)


def loop() -> Measurement:
    """Measure its cells in one thread."""
    from tests.recipes.tracking.plain import in_a_loop

    return frames_per_second(in_a_loop)


CONTENDERS: dict[str, Measure] = {"torchpipe": torchpipe, "loop": loop}
TRACKING = Benchmark(
    name="tracking",
    title=f"the tracking recipe with looks and flow, {FRAMES} frames, 2 clones",
    unit="frames/s",
    contenders=CONTENDERS,
    environment=ENVIRONMENT,
    asked=(Asked("torchpipe", "at least", 1.8, over="loop"),),
)
