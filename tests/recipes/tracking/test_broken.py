"""Detections as they should not be, through the whole pipeline: nothing breaks, nothing is lost."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

from recipes.tracking import Tracking
from tests.recipes.tracking.conftest import flat, noise

TRACKERS = ["sort", "bytetrack", "ocsort"]
BOX = [10.0, 8.0, 22.0, 40.0]


def sound(frame):
    """One person, who stands still."""
    return torch.tensor([BOX]), torch.tensor([0.9]), torch.tensor([0])


def broken(frame):
    """The same person among boxes that are none."""
    nan, inf = float("nan"), float("inf")
    others = [
        [nan, 8, 22, 40], [10, nan, nan, 40], [-inf, 8, 22, inf], [inf, inf, inf, inf],
        [22, 40, 10, 8], [10, 8, 10, 40], [30, 8, 42, 40],
    ]  # fmt: skip
    scores = [0.9] * 7 + [nan]
    return torch.tensor([BOX, *others]), torch.tensor(scores), torch.zeros(8, dtype=torch.int64)


def rarely(frame):
    """The same person in the first five frames, and nobody in all others."""
    if frame.float().mean() < 100:
        return torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64)
    return sound(frame)


def never(frame):
    return torch.zeros(0, 4), torch.zeros(0), torch.zeros(0, dtype=torch.int64)


@pytest.fixture
def tracked(tmp_path, monkeypatch, film):
    """Runs the recipe with one of these detectors, and returns the tracks of all frames."""
    monkeypatch.chdir(tmp_path)
    numbers = itertools.count()

    def run(detector: str, frames, tracker: str, **options):
        files = {"output": "out.mp4", "tracks": "t.txt"}
        given = files | {"detector": f"{__name__}:{detector}", "tracker": tracker} | options
        video = str(film(f"{next(numbers)}.mp4", frames))
        with Tracking(video, overwrite=True, **given).run() as running:
            return [tracks for _, tracks in running]

    return run


@pytest.mark.parametrize("tracker", TRACKERS)
@pytest.mark.parametrize("flow", ["off", "both"])
def test_boxes_that_are_none_are_left_out(tracked, tracker, flow):
    wanted = tracked("sound", noise(10), tracker, flow=flow)
    text = Path("t.txt").read_text()
    found = tracked("broken", noise(10), tracker, flow=flow)
    assert [each.ids.tolist() for each in found] == [each.ids.tolist() for each in wanted]
    assert Path("t.txt").read_text() == text != ""


@pytest.mark.parametrize("tracker", TRACKERS)
def test_many_frames_without_anybody(tracked, tracker):
    frames = [flat(200)] * 5 + [flat(50)] * 100 + [flat(200)] * 5
    found = tracked("rarely", frames, tracker)
    assert len(found) == 110
    assert sum(len(tracks) for tracks in found[20:100]) == 0
    first, last = found[4].ids.tolist(), found[-1].ids.tolist()
    assert (len(first), len(last)) == (1, 1)
    assert first != last  # who was away for so long is somebody else


@pytest.mark.parametrize("tracker", TRACKERS)
def test_nobody_at_all(tracked, tracker):
    found = tracked("never", noise(12), tracker, per_class=True)
    assert sum(len(tracks) for tracks in found) == 0
    assert Path("t.txt").read_text() == ""
    assert len(found) == 12


def test_the_boxes_of_all_trackers_are_numbers(tracked):
    for tracker in TRACKERS:
        for tracks in tracked("broken", noise(10), tracker):
            assert np.isfinite(tracks.boxes).all()
