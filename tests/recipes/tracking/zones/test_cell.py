"""Counting in the whole recipe."""

import json

import numpy as np
import pytest

from recipes.tracking import Tracking
from recipes.tracking.boxes import Tracks
from recipes.tracking.zones.cell import CountTracks
from recipes.tracking.zones.read import read_zones
from tests.recipes.tracking.conftest import refusal
from torchpipe.errors import StateError

ZONES = {"lines": {"door": [[200, 0], [200, 400]]}, "polygons": {"hall": [[0, 0], [9, 0], [9, 9]]}}
FRAMES = 9


@pytest.fixture
def tracking(film, people, tmp_path, monkeypatch):
    """Makes the recipe for one who walks through a door, to the right of the picture."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "zones.json").write_text(json.dumps(ZONES))
    (tmp_path / "det.txt").write_text(
        "".join(f"{frame + 1},-1,{100 + 20 * frame},90,40,95,0.9\n" for frame in range(FRAMES))
    )
    video = str(film(frames=people))

    def make(name: str, **options) -> Tracking:
        files = {"output": f"{name}.mp4", "tracks": f"{name}.txt", "zones": "zones.json"}
        return Tracking(video, detector="det.txt", reid=False, end=FRAMES, **files | options)

    return make


def counted(pipeline: Tracking) -> dict[str, str]:
    return {k: text for k, text in pipeline.summary().items() if k not in ("video", "tracks")}


ALL = {
    "frames": "9, 1.0 detections in each",
    "tracked": "1, at most 1 in a frame",
    "zone door": "in 0, out 1",
    "zone hall": "in 0, out 0, now 0",
}


def test_the_summary_tells_who_was_there_and_who_passed(tracking):
    pipeline = tracking("a")
    with pipeline.run() as run:
        assert len(list(run)) == FRAMES
    assert counted(pipeline) == ALL


def test_counts_go_on_where_they_were_saved(tracking):
    with tracking("a").run() as run:
        for _ in range(4):
            run.pull()
        run.save("state")
    rest = tracking("b")
    with rest.run() as run:
        run.load("state")
        list(run)
    assert counted(rest) == ALL


def test_counts_do_not_go_on_with_other_zones(tracking):
    with tracking("a").run() as run:
        run.pull()
        run.save("state")
    with tracking("b", zones=None).run() as run, pytest.raises(StateError) as error:
        run.load("state")
    assert "was saved with the zones ['door', 'hall'], and these are []." in str(error.value)


def test_each_epoch_counts_anew(tracking):
    pipeline = tracking("a", overwrite=True)
    with pipeline.run() as run:
        for _ in range(2):
            list(run)
    assert counted(pipeline) == ALL


def test_frames_without_anyone_count_nobody():
    count = CountTracks()
    count.reset()
    nobody = Tracks(1, np.zeros(0, int), np.zeros((0, 4)), np.zeros(0), np.zeros(0, int))
    assert count(nobody) == ()
    assert count.summary == {"frames": "1", "tracked": "0, at most 0 in a frame"}


def test_zones_that_are_wrong_fail_before_anything_starts(tracking, tmp_path):
    (tmp_path / "zones.json").write_text("{")
    told = refusal(lambda: tracking("a"))
    assert told == refusal(read_zones, tmp_path / "zones.json").replace(f"{tmp_path}/", "")
    assert not (tmp_path / "a.mp4").exists()
