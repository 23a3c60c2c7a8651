import inspect
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
import torch

from recipes.tracking import Tracking, recipe
from recipes.tracking.cells import Detect
from recipes.tracking.detector import PersonDetector
from recipes.tracking.mot import MotWriter
from recipes.tracking.pipeline import CLIP
from recipes.tracking.trackers import SortTracker
from recipes.tracking.video import VideoInfo, probe, read_frames
from torchpipe.errors import ParameterError, UsageError


@pytest.fixture
def tracking(net, film, people, tmp_path, monkeypatch) -> Callable[..., Tracking]:
    """Makes the pipeline for a film of people, in an empty folder of its own."""
    video = film(frames=people)
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")

    def make(**options) -> Tracking:
        return Tracking(**({"video": str(video)} | options))

    return make


def run(pipeline):
    with pipeline.run() as running:
        return list(running)


def left():
    """What is in the folder."""
    return sorted(path.name for path in Path.cwd().iterdir())


@pytest.mark.parametrize("clones", [1, 2, 3])
def test_gives_what_a_plain_loop_gives(tracking, net, clones):
    pipeline = tracking(clones=clones, tracker="sort", reid=False)
    detector, tracker = PersonDetector(net), SortTracker(max_age=15, min_hits=2)
    writer = MotWriter("expected.txt")
    for frame in read_frames(pipeline.source.video):
        found = detector(frame, min_score=0.2)
        writer.write(tracker.update(found.boxes, found.scores, found.labels))
    writer.close()
    run(pipeline)
    assert Path("tracking.txt").read_text() == Path("expected.txt").read_text() != ""


def test_gives_an_image_and_tracks_for_every_frame(tracking, people):
    results = run(tracking())
    assert [tracks.frame for _, tracks in results] == list(range(1, len(people) + 1))
    assert {image.shape for image, _ in results} == {people[0].shape}
    assert min(len(tracks) for _, tracks in results) > 2


def test_writes_a_video_of_the_same_rate_and_length(tracking, people):
    pipeline = tracking()
    run(pipeline)
    assert left() == ["tracking.mp4", "tracking.txt"]
    rate = probe(pipeline.source.video).rate
    assert probe("tracking.mp4") == VideoInfo(rate=rate, frames=len(people))
    drawn = next(read_frames("tracking.mp4")).float()
    assert 1 < (drawn - people[0].float()).abs().mean() < 20


def test_the_shipped_clip_is_the_default(net, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Tracking().source.video == CLIP
    assert CLIP.stat().st_size <= 1_500_000
    assert probe(CLIP) == VideoInfo(rate=7, frames=120)


def test_every_epoch_writes_the_files_anew(tracking):
    with tracking(overwrite=True).run() as running:
        first = len(list(running))
        text = Path("tracking.txt").read_text()
        assert len(list(running)) == first
    assert Path("tracking.txt").read_text() == text


def test_min_score_is_live(tracking):
    with tracking().run(window=1) as running:
        running.set("detect.min_score", 1.0)
        shown = [len(tracks) for _, tracks in running]
    assert shown[2:] == [0] * len(shown[2:])


# -- what can't be


def refusal(make, error=UsageError, **options):
    with pytest.raises(error) as caught:
        make(**options).check()
    assert left() == []
    return str(caught.value)


def test_a_missing_video_fails_before_anything_starts(tracking):
    assert refusal(tracking, video="none.mp4") == (
        "cannot read none.mp4: there is no such file. Name a video file."
    )


def test_an_output_that_exists_stays(tracking):
    Path("../out.mp4").write_text("mine")
    assert refusal(tracking, output="../out.mp4") == (
        "cannot write ../out.mp4: it exists. Name another file, or add --overwrite."
    )
    assert Path("../out.mp4").read_text() == "mine"


def test_can_be_drawn_where_its_outputs_exist(tracking):
    Path("tracking.mp4").write_text("mine")
    assert "write_video" in tracking().to_mermaid()


def test_the_video_to_read_is_never_written(tracking):
    assert refusal(tracking, output="../film.mp4", overwrite=True) == (
        f"cannot write {Path('../film.mp4').resolve()}: it is the video to read. Name another file."
    )


def test_two_outputs_need_two_names(tracking):
    assert refusal(tracking, output="a.mp4", tracks="./a.mp4") == (
        "cannot write a.mp4 twice: name two files, --output and --tracks."
    )


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("clones", 0, "--clones 0: give 1 to 1000"),
        ("levels", 5, "--levels 5: give 1 to 4"),
        ("max_age", -1, "--max-age -1: give 0 to 1000000"),
        ("min_hits", -1, "--min-hits -1: give 0 to 1000000"),
    ],
)
def test_numbers_have_limits(tracking, option, value, text):
    assert refusal(tracking, **{option: value}) == f"cannot run with {text}."


def test_a_score_lies_between_0_and_1(tracking):
    refusal(tracking, ParameterError, min_score=2.0)


def test_a_video_that_is_cut_off_leaves_no_files(tracking, tmp_path):
    content = CLIP.read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 8])
    pipeline = tracking(video=str(tmp_path / "cut.mp4"))
    with pytest.raises(UsageError, match="it is damaged or cut off after frame") as caught:
        run(pipeline)
    assert "cell 'source'" in "".join(caught.value.__notes__)
    assert left() == []


def run_partly(pipeline, action):
    """Look at three frames, then do something."""
    with pipeline.run() as running:
        for _ in islice(running, 3):
            assert all(name.endswith(".part") for name in left())
        action()


def test_a_break_leaves_no_files(tracking):
    run_partly(tracking(), action=lambda: None)
    assert left() == []


@pytest.mark.parametrize("reason", [KeyboardInterrupt, RuntimeError])
def test_an_error_elsewhere_leaves_no_files(tracking, reason):
    def fail():
        raise reason

    with pytest.raises(reason):
        run_partly(tracking(), fail)
    assert left() == []


def test_a_file_that_appeared_meanwhile_stays(tracking):
    with tracking().run() as running:
        running.pull()
        Path("tracking.txt").write_text("mine")
        with pytest.raises(UsageError, match=r"cannot write .*tracking\.txt: it exists"):
            list(running)
    assert Path("tracking.txt").read_text() == "mine"


@pytest.mark.parametrize("taken", [1, 3, 5])
def test_a_run_goes_on_where_it_was_saved(tracking, taken):
    whole = run(tracking(tracks="whole.txt", output="whole.mp4"))
    with tracking(clones=3).run() as running:
        for _ in range(taken):
            running.pull()
        running.save("state")
    with tracking(clones=1).run() as running:
        running.load("state")
        rest = list(running)
    assert len(rest) == len(whole) - taken
    for (image, tracks), (same_image, same_tracks) in zip(whole[taken:], rest, strict=True):
        assert torch.equal(image, same_image)
        assert tracks.boxes.tolist() == same_tracks.boxes.tolist()
        assert tracks.ids.tolist() == same_tracks.ids.tolist()
    lines = Path("whole.txt").read_text().splitlines()
    assert Path("tracking.txt").read_text().splitlines() == [
        line for line in lines if int(line.partition(",")[0]) > taken
    ]
    assert probe("tracking.mp4").frames == len(rest)


def test_files_start_anew_where_a_run_seeks(tracking):
    pipeline = tracking()
    with pipeline.run() as running:
        frames = len(list(islice(running, 3)))
        running.seek(0, 2)
        frames = len(list(running))
    assert probe("tracking.mp4").frames == frames
    assert left() == ["tracking.mp4", "tracking.txt"]


# -- the cells by themselves


def test_a_detector_without_weights_says_so():
    detect = Detect(weights="none.pb")
    with pytest.raises(UsageError, match=r"cannot read the weights none\.pb: No such file"):
        detect(torch.zeros(4, 4, 3, dtype=torch.uint8))


# -- the recipe


def test_every_option_is_explained():
    lines = [line.strip() for line in (Tracking.__doc__ or "").splitlines()]
    for name in inspect.signature(Tracking).parameters:
        assert any(line.startswith(f"{name}: ") for line in lines), name


def test_a_copy_of_the_recipe_stands_by_itself(tmp_path):
    shutil.copytree(Path(inspect.getfile(recipe)).parent, tmp_path / "my_tracker")
    program = "import sys; sys.path.insert(0, sys.argv[1]); import my_tracker; my_tracker.recipe()"
    program += "; assert 'recipes' not in sys.modules"
    command = [sys.executable, "-c", program, str(tmp_path)]
    here = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    subprocess.run(command, check=True, cwd=tmp_path, env=here)  # it would write files there
