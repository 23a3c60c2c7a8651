"""All that the recipe can write besides the video: it is whole, or it is not there."""

import csv
import json
import shutil
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from recipes.tracking import Tracking
from recipes.tracking.boxes import Tracks
from recipes.tracking.inputs.folder import read_image
from recipes.tracking.mot import MotWriter, read_rows
from recipes.tracking.outputs.frames import FrameWriter
from recipes.tracking.outputs.heat import HeatMap
from recipes.tracking.outputs.sinks import WriteHeat, WriteMot
from recipes.tracking.outputs.tables import CsvWriter, JsonWriter
from tests.recipes.tracking.conftest import flat, refusal
from tests.recipes.tracking.test_options import lines
from torchpipe.errors import UsageError

MORE = {"csv": "out.csv", "json": "out.jsonl", "frames": "out", "heatmap": "heat.png"}
ALL = ["heat.png", "out", "out.csv", "out.jsonl", "tracking.mp4", "tracking.txt"]


@pytest.fixture
def tracking(film, people, tmp_path, monkeypatch) -> Callable[..., Tracking]:
    """Makes the pipeline for a film and detections of it, in an empty folder of its own."""
    video, found = film(frames=people), tmp_path / "det.txt"
    found.write_text("".join(lines(len(people) - 2)))
    (tmp_path / "files").mkdir()
    monkeypatch.chdir(tmp_path / "files")

    def make(**options) -> Tracking:
        return Tracking(**({"video": str(video), "detector": str(found)} | MORE | options))

    return make


def run(pipeline):
    with pipeline.run() as running:
        return list(running)


def left():
    """What is in the folder."""
    return sorted(path.name for path in Path.cwd().iterdir())


def tracks(frame=1, boxes=((10, 20, 15.5, 40),), score=0.5):
    count = len(boxes)
    places = np.array(boxes, np.float64).reshape(-1, 4)
    return Tracks(
        frame, np.arange(1, count + 1), places, np.full(count, score), np.zeros(count, np.int64)
    )


# -- what is in them


def test_only_what_is_asked_for_is_written(tracking):
    run(tracking(**dict.fromkeys(MORE)))
    assert left() == ["tracking.mp4", "tracking.txt"]


def test_all_files_tell_the_same(tracking, people):
    results = run(tracking())
    assert left() == ALL
    mot = [tuple(row[:6]) for row in read_rows("tracking.txt")]
    with Path("out.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [tuple(float(row[name]) for name in ("frame", "id", *"xywh")) for row in table] == mot
    frames = [json.loads(line) for line in Path("out.jsonl").read_text().splitlines()]
    assert [frame["frame"] for frame in frames] == list(range(1, len(people) + 1))
    told = [(frame["frame"], *who.values()) for frame in frames for who in frame["tracks"]]
    assert [row[:6] for row in told] == mot
    assert [(row["score"], row["label"]) for row in table] == [
        (str(score), str(label)) for *_, score, label in told
    ]
    for image, seen in results:
        assert torch.equal(read_image(Path(f"out/{seen.frame:06}.png")), image)
    assert len(list(Path("out").iterdir())) == len(people)


def test_a_frame_without_anybody_has_a_line_of_json_and_no_row():
    for writer, expected in (
        (CsvWriter("a.csv"), "frame,id,x,y,w,h,score,label\n"),
        (JsonWriter("a.jsonl"), '{"frame": 3, "tracks": []}\n'),
    ):
        writer.write(tracks(3, boxes=()))
        writer.close()
        assert Path(writer._file.name).read_text() == expected


@pytest.fixture(autouse=True)
def somewhere(tmp_path, monkeypatch):
    """Tests write into a folder of their own."""
    monkeypatch.chdir(tmp_path)


# -- complete, or not at all


def test_every_epoch_writes_all_anew(tracking):
    with tracking(overwrite=True).run() as running:
        list(running)
        first = {path: path.read_bytes() for path in Path.cwd().rglob("*.*") if path.is_file()}
        list(running)
    assert {path: path.read_bytes() for path in first} == first
    assert left() == ALL


def test_a_break_leaves_nothing(tracking):
    with tracking().run() as running:
        for _ in islice(running, 3):
            assert all(name.endswith(".part") for name in left())
    assert left() == []


def test_an_error_leaves_what_was_there(tracking):
    run(tracking())
    before = {path: path.read_bytes() for path in Path.cwd().rglob("*.*") if path.is_file()}
    with pytest.raises(RuntimeError):
        fail_after_one(tracking(overwrite=True))
    assert {path: path.read_bytes() for path in before} == before
    assert left() == ALL


def fail_after_one(pipeline):
    with pipeline.run() as running:
        running.pull()
        raise RuntimeError


def test_a_run_that_goes_on_writes_the_rest_and_the_whole_heat_map(tracking):
    run(tracking())
    shutil.move("heat.png", "whole.png")
    whole = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    with tracking(overwrite=True).run() as running:
        for _ in range(5):
            running.pull()
        running.save("state")
    with tracking(overwrite=True).run() as running:
        running.load("state")
        list(running)
    assert Path("heat.png").read_bytes() == Path("whole.png").read_bytes()
    rest = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    assert rest == {name: whole[name] for name in sorted(whole)[5:]}


def test_what_a_sink_is_told_to_keep_is_completed():
    for name, keep in (("kept.txt", True), ("gone.txt", False)):
        sink = WriteMot(name)
        sink.keep = lambda keep=keep: keep
        sink(tracks())
        sink.teardown()
    assert left() == ["kept.txt"]


def test_a_heat_map_can_be_saved_after_its_end():
    sink = WriteHeat("heat.png")
    sink(flat(9), tracks())
    sink.finish()
    assert sink.state_dict() == {}


# -- what can't be


@pytest.mark.parametrize("what", list(MORE))
def test_what_exists_is_not_replaced(tracking, what):
    pipeline = tracking
    Path(MORE[what]).mkdir() if what == "frames" else Path(MORE[what]).write_text("mine")
    another = "folder" if what == "frames" else "file"
    assert refusal(lambda: pipeline().check()) == (
        f"cannot write {MORE[what]}: it exists. Name another {another}, or add --overwrite."
    )
    assert left() == [MORE[what]]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"csv": "a", "json": "./a"}, "a twice: name two files, --csv and --json."),
        ({"csv": "tracking.txt"}, "tracking.txt twice: name two files, --tracks and --csv."),
        ({"frames": "heat.png"}, "heat.png twice: name two files, --frames and --heatmap."),
    ],
)
def test_two_outputs_need_two_names(tracking, options, text):
    assert refusal(lambda: tracking(**options).check()) == f"cannot write {text}"


def test_the_video_to_read_is_never_written(tracking):
    source = Path("../film.mp4").resolve()
    assert refusal(lambda: tracking(csv="../film.mp4", overwrite=True).check()) == (
        f"cannot write {source}: it is the video to read. Name another file."
    )


def test_a_folder_with_something_else_is_never_replaced(tracking):
    Path("out").mkdir()
    Path("out/000001.png").write_text("a frame")
    Path("out/holiday.jpg").write_text("mine")
    assert refusal(lambda: tracking(overwrite=True).check()) == (
        "cannot write out: it holds holiday.jpg, which is no frame. Name a folder of frames, or a "
        "new one."
    )


def test_no_file_lies_in_the_folder_of_frames(tracking):
    Path("out").mkdir()
    assert refusal(lambda: tracking(csv="out/a.csv", overwrite=True).check()) == (
        f"cannot write out/a.csv: it lies in {Path('out').resolve()}, which is for frames alone. "
        "Name another place."
    )


def test_a_file_is_no_folder_for_frames(tracking):
    Path("out").write_text("mine")
    assert refusal(lambda: tracking(overwrite=True).check()) == (
        "cannot write out: it is not a folder. Name a folder."
    )


def test_a_folder_of_no_frames_does_not_appear():
    FrameWriter("out").close()
    writer = FrameWriter("out2")
    writer.discard()
    assert [name for name in left() if not name.endswith(".part")] == []


@pytest.mark.parametrize("kind", [MotWriter, CsvWriter, JsonWriter])
@pytest.mark.parametrize(
    ("box", "score"), [([1, 2, np.nan, 4], 0.5), ([1, np.inf, 3, 4], 0.5), ([1, 2, 3, 4], np.nan)]
)
def test_numbers_that_are_not_finite_are_refused_and_leave_no_file(kind, box, score):
    writer = kind("out.txt")
    writer.write(tracks(1))
    error = refusal(writer.write, tracks(7, [box], score))
    writer.discard()
    assert error == (
        f"cannot write out.txt: in frame 7, track 1 has the box {[float(x) for x in box]} and the "
        f"score {score}, and not all of that is finite. Let the tracker leave it out."
    )
    assert left() == []


# -- the heat map


def test_a_heat_map_is_hot_where_feet_were():
    heat = HeatMap(201, 202)
    for _ in range(3):
        heat.add(tracks(boxes=[[90, 5, 112, 101], [-50, 0, -40, 10], [60, 5, 80, np.nan]]))
    assert heat.counts.shape == (51, 51)
    assert {tuple(place): heat.counts[tuple(place)] for place in np.argwhere(heat.counts)} == {
        (25, 25): 3
    }
    shown = heat.over(flat(100, 201, 202)).float()
    assert shown.shape == (201, 202, 3)
    warm = (shown != 100).any(dim=2).nonzero().float()
    assert warm.mean(dim=0).tolist() == pytest.approx([101, 101], abs=2)
    assert torch.equal(shown[0, 0], torch.full((3,), 100.0))


def test_a_heat_map_has_the_size_of_the_first_frame():
    assert HeatMap(48, 64).over(flat(77, 20, 30)).shape == (48, 64, 3)


def test_without_anybody_a_heat_map_is_the_frame():
    assert torch.equal(HeatMap(48, 64).over(flat(77)), flat(77))


def test_the_files_can_be_read_by_others(tracking):
    run(tracking())
    assert cv2.imread("heat.png").shape == cv2.imread("out/000001.png").shape == (576, 768, 3)


def test_a_folder_that_cannot_be_written_says_so():
    writer = FrameWriter("out")
    shutil.rmtree(writer._folder.path)
    with pytest.raises(UsageError, match=r"cannot write out: No such file or directory\. Nothing"):
        writer.write(flat(0), tracks())
