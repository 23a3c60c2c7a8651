"""Several videos at once: each gets the results, and the files, of a run of its own."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import torchpipe as tp
from recipes.tracking import Tracking
from recipes.tracking.apart import Apart
from tests.recipes.tracking.conftest import refusal
from tests.recipes.tracking.test_options import HERE, lines
from torchpipe.cli.command import main

LENGTHS = {"street": 9, "hall": 4, "yard": 6}
OWN = f"{HERE}:by_area"
CHOICES = [
    {"tracker": "bytetrack", "flow": "both", "per_class": True},
    {"tracker": "sort", "flow": "boxes", "reid": False},
    {"tracker": "ocsort", "flow": "camera"},
    {"tracker": "bytetrack", "detector": OWN, "clones": 3},
]


@pytest.fixture
def tracking(film, people, tmp_path, monkeypatch, repeatable) -> Callable[..., Tracking]:
    """Makes the pipeline for some of three films, with detections and zones for each."""
    monkeypatch.chdir(tmp_path)
    for number, (name, length) in enumerate(LENGTHS.items()):
        film(f"{name}.mp4", [frame.flip(1) if number else frame for frame in people[-length:]])
        Path(f"{name}-found.txt").write_text("".join(list(lines(length - 1))[number:]))
        line = [[300 + 50 * number, 0], [300, 400]]
        Path(f"{name}-zones.json").write_text(json.dumps({"lines": {"door": line}}))

    def make(*names: str, folder: str = "out", **options) -> Tracking:
        Path(folder).mkdir(exist_ok=True)
        files = {"output": f"{folder}/film.mp4", "tracks": f"{folder}/{{video}}.txt"}
        known = {"detector": "{video}-found.txt", "zones": "{video}-zones.json"}
        return Tracking([f"{name}.mp4" for name in names], **(files | known | options))

    return make


def run(pipeline):
    with pipeline.run() as running:
        return list(running)


def of(results, name):
    """The results for one video, without its name."""
    return [result for video, *result in results if video == name]


def assert_same(results, expected):
    """Both have the same images and tracks; names of videos do not count."""
    assert len(results) == len(expected)
    for (*_, image, tracks), (*_, other, same) in zip(results, expected, strict=True):
        assert torch.equal(image, other)
        assert tracks.frame == same.frame
        assert tracks.ids.tolist() == same.ids.tolist()
        assert tracks.boxes.tolist() == same.boxes.tolist()


@pytest.mark.parametrize("options", CHOICES)
def test_each_video_has_the_results_of_a_run_of_its_own(tracking, options):
    together = tracking(*LENGTHS, **options)
    results = run(together)
    assert [result[0] for result in results[:4]] == ["street", "hall", "yard", "street"]
    for name, length in LENGTHS.items():
        alone = tracking(name, folder=f"only-{name}", **options)
        expected = run(alone)
        assert len(expected) == length
        assert_same(of(results, name), expected)
        text, film = Path(f"out/{name}.txt"), Path(f"out/film-{name}.mp4")
        assert text.read_text() == Path(f"only-{name}/{name}.txt").read_text() != ""
        assert film.read_bytes() == Path(f"only-{name}/film.mp4").read_bytes()
        counted = {what: said for what, said in alone.summary().items() if what not in alone.files}
        assert (
            counted.items()
            <= {
                what.removeprefix(f"{name} "): said for what, said in together.summary().items()
            }.items()
        )


def test_the_next_epoch_starts_anew(tracking):
    with tracking("street", "hall", overwrite=True).run() as running:
        first, text = list(running), Path("out/hall.txt").read_text()
        again = list(running)
    assert [tracks.ids.tolist() for _, _, tracks in first] == [
        tracks.ids.tolist() for _, _, tracks in again
    ]
    assert Path("out/hall.txt").read_text() == text


@pytest.mark.parametrize("taken", [1, 4, 8])
def test_a_run_goes_on_where_it_was_saved(tracking, taken):
    whole = run(tracking("street", "hall", folder="whole", flow="both"))
    with tracking("street", "hall", clones=3, flow="both").run() as running:
        for _ in range(taken):
            running.pull()
        running.save("state")
    with tracking("street", "hall", clones=1, flow="both").run() as running:
        running.load("state")
        rest = list(running)
    assert [video for video, *_ in rest] == [video for video, *_ in whole[taken:]]
    assert_same(rest, whole[taken:])


def test_detections_stay_with_their_frames_where_a_run_seeks(tracking):
    options = {"tracker": "sort", "min_hits": 0}
    alone = run(tracking("hall", folder="alone", start=1, **options))
    with tracking("street", "hall", **options).run() as running:
        running.seek(0, 3)
        video, _, tracks = running.pull()
    assert video == "hall"
    assert tracks.boxes.tolist() == alone[0][1].boxes.tolist() != []


def test_min_score_is_live_for_all(tracking):
    with tracking("street", "hall").run(window=1) as running:
        running.set("detect.min_score", 1.0)
        shown = [len(tracks) for _, _, tracks in running]
    assert shown[4:] == [0] * len(shown[4:])


def test_one_video_in_a_list_is_one_video(tracking):
    results = run(tracking("hall"))
    assert [len(result) for result in results] == [2] * LENGTHS["hall"]
    assert sorted(path.name for path in Path("out").iterdir()) == ["film.mp4", "hall.txt"]


def test_the_command_line_takes_several(tracking, capsys):
    Path("out").mkdir()
    words = ["run", "tracking", "--video", "street.mp4", "hall.mp4", "--detector", OWN]
    assert main([*words, "--output", "out/a.mp4", "--tracks", "out/{video}.txt"]) == 0
    out = capsys.readouterr().out
    assert "13 items" in out
    assert "street video: out/a-street.mp4\n" in out
    assert "hall tracked: 2, at most 2 in a frame\n" in out


# -- what can't be


def left():
    return list(Path("out").iterdir())


def test_a_video_that_is_missing_fails_before_anything_starts(tracking):
    assert refusal(lambda: tracking("street", "none")) == (
        "cannot read none.mp4: there is no such file. Name a video file."
    )
    assert left() == []


def test_detections_of_one_video_are_refused(tracking):
    assert refusal(lambda: tracking("street", "hall", detector="hall-found.txt")) == (
        "cannot detect with hall-found.txt: it is about one video, and there are several. Put "
        "{video} where their names differ."
    )


def test_detections_that_are_missing_for_one_are_refused(tracking):
    Path("hall-found.txt").unlink()
    assert refusal(lambda: tracking("street", "hall")) == (
        "cannot detect with hall-found.txt: there is no such file. Name a file of detections, "
        "ssdlite, or module:name."
    )


def test_no_video_is_written(tracking):
    options = {"output": "{video}.mp4", "overwrite": True}
    assert refusal(lambda: tracking("street", "hall", **options).check()) == (
        f"cannot write {Path('street.mp4').resolve()}: it is the video to read. Name another file."
    )


def test_two_files_of_one_video_need_two_names(tracking):
    options = {"output": "out/{video}.x", "tracks": "out/{video}.x"}
    assert refusal(lambda: tracking("street", "hall", **options).check()) == (
        "cannot write out/street.x twice: name two files, --output and --tracks."
    )


def test_a_file_of_one_of_them_that_exists_stays(tracking):
    Path("out").mkdir()
    Path("out/hall.txt").write_text("mine")
    assert refusal(lambda: tracking("street", "hall").check()) == (
        "cannot write out/hall.txt: it exists. Name another file, or add --overwrite."
    )


# -- the pieces


def test_with_one_video_cells_stay_as_they_are():
    delay, prepared = tp.Delay(), []
    assert Apart(["a"]).cell(delay, lambda *given: prepared.append(given)) is delay
    assert prepared == [(delay, "a")]
    assert isinstance(Apart(["a", "b"]).cell(delay), tp.Each)
