"""What is no number, nobody at all, and frames that change size: all that is written is sound."""

import itertools
import json
import math
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from recipes.tracking import Tracking
from recipes.tracking.appearance import Colours
from recipes.tracking.boxes import Tracks
from recipes.tracking.flow import moves_of
from recipes.tracking.follow import Track
from recipes.tracking.mot import read_rows
from recipes.tracking.trackers import SortTracker
from recipes.tracking.video import probe
from tests.recipes.tracking.conftest import RATE, flat, refusal
from tests.recipes.tracking.test_options import TRACKERS

HERE = "tests.recipes.tracking.test_robust"
NAN, INF = math.nan, math.inf
BROKEN = [
    ([NAN, 10, 50, 90], 0.9),
    ([10, 10, 50, INF], 0.9),
    ([-INF, -INF, INF, INF], 0.9),
    ([INF, INF, INF, INF], 0.9),
    ([60, 10, 50, 90], 0.9),
    ([300, 200, 340, 300], NAN),
    ([300, 200, 340, 300], INF),
    ([300, 200, 340, 300], -INF),
]
SOUND = ([100, 100, 140, 200], 0.9)


def found(*people):
    boxes, scores = zip(*people, strict=True)
    return torch.tensor(boxes), torch.tensor(scores), torch.zeros(len(people), dtype=torch.int64)


def broken(frame: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A detector that finds one, and much that nobody can be."""
    return found(*BROKEN[:4], SOUND, *BROKEN[4:])


def sound(frame: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The same without that."""
    return found(SOUND)


@pytest.fixture
def tracking(film, people, tmp_path, monkeypatch) -> Callable[..., Tracking]:
    """Makes the recipe, with all its outputs, for a film in a folder of its own."""
    video = film(frames=people[:6])
    monkeypatch.chdir(tmp_path)

    def make(folder: str = "out", **options) -> Tracking:
        Path(folder).mkdir()
        names = {"output": "a.mp4", "tracks": "a.txt", "csv": "a.csv", "json": "a.jsonl"}
        names |= {"frames": "frames", "heatmap": "heat.png"}
        files = {what: f"{folder}/{name}" for what, name in names.items()}
        return Tracking(**({"video": str(video), "min_score": 0.0} | files | options))

    return make


def run(pipeline):
    with pipeline.run() as running:
        return [tracks for *_, tracks in running]


def people_of(folder="out"):
    return read_rows(f"{folder}/a.txt").tolist()


@pytest.mark.parametrize("tracker", TRACKERS)
def test_detections_that_are_no_numbers_leave_no_trace_in_any_file(tracking, tracker):
    options = {"tracker": tracker, "reid": True, "flow": "both"}
    results = run(tracking(detector=f"{HERE}:broken", **options))
    run(tracking("expected", detector=f"{HERE}:sound", **options))
    assert [tracks.ids.tolist() for tracks in results[3:]] == [[1]] * 3
    for name in ("a.txt", "a.csv", "a.jsonl"):
        assert Path(f"out/{name}").read_text() == Path(f"expected/{name}").read_text() != ""
    assert Path("out/heat.png").read_bytes() == Path("expected/heat.png").read_bytes()


@pytest.mark.parametrize("tracker", TRACKERS)
def test_detections_in_a_file_that_are_no_numbers_are_left_out(tracking, tracker):
    lines = [f"{frame},-1,100,100,40,100,0.9\n" for frame in range(1, 7)]
    bad = ["nan,1,1,1,0.9", "1,inf,1,1,0.9", "-inf,1,inf,1,0.9", "9,9,9,9,nan", "9,9,9,9,inf"]
    Path("sound.txt").write_text("".join(lines))
    Path("bad.txt").write_text("".join([*lines, *(f"2,-1,{text}\n" for text in bad)]))
    run(tracking(detector="bad.txt", tracker=tracker))
    run(tracking("expected", detector="sound.txt", tracker=tracker))
    assert people_of() == people_of("expected") != []


@pytest.mark.parametrize("tracker", TRACKERS)
def test_without_anybody_all_files_are_there(tracking, tracker):
    Path("none.txt").touch()
    assert [len(tracks) for tracks in run(tracking(detector="none.txt", tracker=tracker))] == [
        0
    ] * 6
    assert people_of() == []
    assert probe("out/a.mp4").frames == len(list(Path("out/frames").iterdir())) == 6
    lines = Path("out/a.jsonl").read_text().splitlines()
    assert [json.loads(line)["tracks"] for line in lines] == [[]] * 6


class Shrinking:
    """An input whose frames change size."""

    name, live = "the shrinking one", False

    def probe(self):
        return probe("film.mp4")

    def pictures(self):
        for height, width in itertools.islice(itertools.cycle([(300, 400), (200, 220)]), 6):
            yield partial(flat, 90, height, width)


@pytest.mark.parametrize("tracker", TRACKERS)
def test_frames_that_change_size(tracking, tracker):
    pipeline = tracking(detector=f"{HERE}:sound", tracker=tracker)
    pipeline.source.input = Shrinking()
    assert len(run(pipeline)) == 6
    assert probe("out/a.mp4").frames == len(list(Path("out/frames").iterdir())) == 6
    assert probe("out/a.mp4").rate == RATE


def test_flow_needs_frames_of_one_size(tracking):
    pipeline = tracking(detector=f"{HERE}:sound", flow="both")
    pipeline.source.input = Shrinking()
    expected = "cannot tell the flow from a frame of 400 x 300 pixels to one of 220 x 200: scale"
    with pytest.raises(ValueError, match=expected):
        run(pipeline)
    assert list(Path("out").iterdir()) == []


@pytest.mark.parametrize("what", [moves_of, lambda flow, boxes: Colours()(flat(9), boxes)])
def test_boxes_that_are_no_numbers_have_moves_and_looks_all_the_same(what):
    told = what(torch.zeros(48, 64, 2), [box for box, _ in BROKEN])
    assert len(told) == len(BROKEN)
    assert torch.as_tensor(told).isfinite().all()


class Careless(SortTracker):
    """A tracker of your own whose boxes are no numbers in the third frame."""

    def update(self, *given):
        super().update(*given)
        boxes = np.full((1, 4), NAN) if self.frame == 3 else np.array([[0.0, 0, 9, 9]])
        return Tracks(self.frame, np.array([7]), boxes, np.ones(1), np.zeros(1, int))


def test_a_tracker_whose_boxes_are_no_numbers_is_told_so_and_leaves_no_file(tracking):
    pipeline = tracking(detector=f"{HERE}:sound")
    pipeline.track = Track(Careless)
    assert refusal(run, pipeline) == (
        "cannot write out/a.txt: in frame 3, track 7 has the box [nan, nan, nan, nan] and the "
        "score 1.0, and not all of that is finite. Let the tracker leave it out."
    )
    assert list(Path("out").iterdir()) == []
