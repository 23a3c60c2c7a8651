"""Each choice of the options makes a pipeline that gives what a plain loop gives."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from recipes.tracking import Tracking
from recipes.tracking.boxes import Detections
from recipes.tracking.detections import OwnDetect, ReadDetections
from recipes.tracking.flow import camera_of, dense_flow, moves_of
from recipes.tracking.motion import Move
from recipes.tracking.trackers import ByteTracker, OcSortTracker, SortTracker
from tests.recipes.tracking.conftest import refusal
from tests.recipes.tracking.plain import in_a_loop

TRACKERS, FLOWS = ["sort", "bytetrack", "ocsort"], ["off", "boxes", "camera", "both"]
HERE = "tests.recipes.tracking.test_options"
WALKERS = 4


@pytest.fixture
def tracking(film, people, tmp_path, monkeypatch, repeatable) -> Callable[..., Tracking]:
    """Makes the pipeline for a film and detections of it, whose files go into a folder."""
    video, found = film(frames=people), tmp_path / "det.txt"
    found.write_text("".join(lines(len(people) - 2)))
    monkeypatch.chdir(tmp_path)

    def make(folder: str = "out", **options) -> Tracking:
        Path(folder).mkdir()
        files = {"output": f"{folder}/video.mp4", "tracks": f"{folder}/tracks.txt"}
        return Tracking(**({"video": str(video), "detector": str(found)} | files | options))

    return make


def lines(frames: int) -> Iterator[str]:
    """Some who walk side by side; one more is hardly seen."""
    for frame, who in itertools.product(range(1, frames + 1), range(WALKERS)):
        yield f"{frame},-1,{100 + 90 * who + 5 * frame},{90 + 40 * who},40,95,{0.9 - 0.01 * who}\n"
        yield f"{frame},-1,{500 - 7 * frame},300,40,95,0.15\n" if not who else ""


def by_area(frame: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A detector: two boxes, of two classes."""
    height, width = frame.shape[:2]
    boxes = torch.tensor([[0, 0, width / 2, height], [width / 2, 0, width, height]])
    return boxes, torch.tensor([0.9, 0.75]), torch.tensor([0, 3])


class Halves(nn.Module):
    """That detector as a network, which says whether it was asked to train."""

    def forward(self, frame: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        boxes, scores, labels = by_area(frame)
        return boxes, scores * (not self.training), labels


network = Halves()
nothing_to_call = 3


def as_numbers(results):
    """Results as they can be compared; images as they are."""
    images = [image for image, _ in results]
    return images, [
        (tracks.frame, *(getattr(tracks, part).tolist() for part in ("ids", "boxes", "labels")))
        for _, tracks in results
    ]


def run(pipeline):
    with pipeline.run() as running:
        return list(running)


def assert_same(results, expected):
    images, tracks = as_numbers(results)
    others, same = as_numbers(expected)
    assert tracks == same
    assert [torch.equal(a, b) for a, b in zip(images, others, strict=True)] == [True] * len(images)


@pytest.mark.parametrize("flow", FLOWS)
@pytest.mark.parametrize("reid", [False, True])
@pytest.mark.parametrize("tracker", TRACKERS)
def test_every_choice_gives_what_a_plain_loop_gives(tracking, people, tracker, reid, flow):
    options = {"tracker": tracker, "reid": reid, "flow": flow, "per_class": reid}
    pipeline = tracking("run", **options)
    pipeline.check()
    expected = list(in_a_loop(tracking("loop", **options)))
    assert len(expected) == len(people)
    assert max(len(tracks) for _, tracks in expected) >= WALKERS
    assert_same(run(pipeline), expected)
    assert Path("run/tracks.txt").read_text() == Path("loop/tracks.txt").read_text() != ""
    assert Path("run/video.mp4").read_bytes() == Path("loop/video.mp4").read_bytes()


@pytest.mark.parametrize("flow", ["off", "both"])
def test_ssdlite_too(tracking, net, flow):
    options = {"detector": "ssdlite", "flow": flow, "clones": 3}
    expected = list(in_a_loop(tracking("loop", **options)))
    assert min(len(tracks) for _, tracks in expected) > 2
    assert_same(run(tracking("run", **options)), expected)


@pytest.mark.parametrize("tracker", TRACKERS)
def test_all_that_is_remembered_is_saved(tracking, tracker):
    options = {"tracker": tracker, "flow": "both", "per_class": True}
    whole = run(tracking("whole", **options))
    with tracking("first", clones=3, **options).run() as running:
        for _ in range(5):
            running.pull()
        running.save("state")
    with tracking("rest", clones=1, **options).run() as running:
        running.load("state")
        assert_same(list(running), whole[5:])


def test_detections_stay_with_their_frames_where_a_run_seeks(tracking):
    with tracking(tracker="sort", min_hits=0).run() as running:
        running.seek(0, 3)
        _, tracks = running.pull()
    assert sorted(tracks.boxes[:, 0].round().tolist()) == [120, 210, 300, 390]


def test_only_what_depends_on_the_frames_before_is_stateful(tracking):
    pipeline = tracking(flow="both")
    cells = [pipeline.source, pipeline.detect, pipeline.look.cell, pipeline.motion.flow.cell]
    cells += [pipeline.motion.move.cell, pipeline.draw]
    assert not any(cell.stateful for cell in cells)


# -- the choices


@pytest.mark.parametrize(
    ("tracker", "kind", "age", "least"),
    [
        ("sort", SortTracker, ("max_age", 15), 0.2),
        ("bytetrack", ByteTracker, ("buffer", 30), 0.1),
        ("ocsort", OcSortTracker, ("max_age", 30), 0.2),
    ],
)
def test_each_tracker_has_defaults_of_its_own(tracking, tracker, kind, age, least):
    name, default = age
    for folder, options, expected in (("a", {}, default), ("b", {"max_age": 7}, 7)):
        pipeline = tracking(folder, tracker=tracker, **options)
        made = pipeline.track.new_tracker()
        assert isinstance(made, kind)
        assert getattr(made, name) == expected
        assert pipeline.detect.min_score == least
    assert tracking("c", tracker=tracker, min_score=0.0).detect.min_score == 0.0


def test_bytetrack_has_no_min_hits(tracking):
    assert refusal(lambda: tracking(min_hits=3)) == (
        "cannot run with --min-hits 3: bytetrack shows whom it has found twice. Leave it out, or "
        "add --tracker sort or --tracker ocsort."
    )


@pytest.mark.parametrize(
    ("tracker", "option", "name", "expected"),
    [
        ("sort", "min_overlap", "min_overlap", 0.4),
        ("bytetrack", "min_overlap", "match_limit", 0.6),
        ("ocsort", "min_overlap", "min_overlap", 0.4),
        ("bytetrack", "low_score", "low", 0.4),
        ("bytetrack", "high_score", "high", 0.4),
        ("ocsort", "high_score", "min_score", 0.4),
        ("bytetrack", "new_score", "new", 0.4),
    ],
)
def test_thresholds_reach_the_tracker_and_are_its_own_by_default(
    tracking, tracker, option, name, expected
):
    changed = tracking("a", tracker=tracker, **{option: 0.4}).track.new_tracker()
    assert getattr(changed, name) == expected
    usual, left = (tracking(f, tracker=tracker).track.new_tracker() for f in "bc")
    assert getattr(usual, name) == getattr(left, name) != expected


@pytest.mark.parametrize(
    ("tracker", "option", "text"),
    [
        ("sort", "low_score", "has no second look at those that are hardly sure"),
        ("ocsort", "low_score", "has no second look at those that are hardly sure"),
        ("sort", "new_score", "lets all that it takes become tracks"),
        ("ocsort", "new_score", "lets all that it takes become tracks"),
    ],
)
def test_a_threshold_that_a_tracker_lacks_is_refused(tracking, tracker, option, text):
    said = option.replace("_", "-")
    assert refusal(lambda: tracking(tracker=tracker, **{option: 0.4})) == (
        f"cannot run with --{said} 0.4: {tracker} {text}. Leave it out, or add --tracker bytetrack."
    )


def test_sort_has_no_high_score(tracking):
    assert refusal(lambda: tracking(tracker="sort", high_score=0.4)) == (
        "cannot run with --high-score 0.4: sort takes all that are found, by --min-score. Leave it "
        "out, or add --tracker bytetrack or --tracker ocsort."
    )


@pytest.mark.parametrize("option", ["min_overlap", "low_score", "high_score", "new_score"])
@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan")])
def test_thresholds_lie_between_0_and_1(tracking, option, value):
    said = option.replace("_", "-")
    assert refusal(lambda: tracking(**{option: value})) == (
        f"cannot run with --{said} {value}: give 0 to 1."
    )


# -- detections from elsewhere


def test_after_the_last_frame_of_the_file_nothing_is_found(tmp_path):
    (tmp_path / "det.txt").write_text("1,-1,10,20,30,40,0.9\n1,-1,10,20,30,40,0.1\n")
    read = ReadDetections(tmp_path / "det.txt")
    read.min_score = 0.5
    found = list(itertools.islice(read(), 3))
    assert [len(each) for each in found] == [1, 0, 0]
    assert found[0].boxes.tolist() == [[10, 20, 40, 60]]


def test_detections_are_those_of_the_frames_that_are_read(tracking, people):
    whole = run(tracking("whole", tracker="sort", min_hits=0))
    some = run(tracking("some", tracker="sort", min_hits=0, max_age=0, start=2, end=9, stride=3))
    assert len(some) == len(range(len(people))[2:9:3])
    assert len(some[0][1]) == len(whole[2][1]) == WALKERS
    assert sorted(some[0][1].boxes[:, 0].round()) == sorted(whole[2][1].boxes[:, 0].round())


@pytest.mark.parametrize("name", ["by_area", "Halves", "network"])
def test_a_detector_of_your_own(tracking, people, name):
    results = run(tracking(detector=f"{HERE}:{name}", per_class=True))
    assert len(results) == len(people)
    assert [tracks.labels.tolist() for _, tracks in results] == [[0, 3]] * len(people)


def test_a_detector_of_your_own_leaves_out_what_is_not_sure(people):
    detect = OwnDetect(f"{HERE}:by_area")
    detect.min_score = 0.8
    assert isinstance(detect(people[0]), Detections)
    assert detect(people[0]).labels.tolist() == [0]


def test_a_detector_in_the_current_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere"])
    Path("mine_alone.py").write_text("def find(frame): ...")
    assert OwnDetect("mine_alone:find").name == "mine_alone:find"


@pytest.mark.parametrize(
    ("detector", "text"),
    [
        (
            "none.txt",
            "there is no such file. Name a file of detections, ssdlite, or module:name.",
        ),
        ("no_such:net", "No module named 'no_such'. Name one that Python can import."),
        (
            f"{HERE}:nothing_to_call",
            f"{HERE} has nothing of that name that can be called. Name a function, a network or a "
            "class in it.",
        ),
    ],
)
def test_a_detector_that_is_not_there_fails_before_anything_starts(tracking, detector, text):
    told = refusal(lambda: tracking(detector=detector))
    assert told.partition(": ")[2] == text
    assert told.startswith("cannot detect with ")


# -- motion


def test_the_first_frame_has_no_motion(people):
    assert Move()(None, Detections.none()) == (None, None)


@pytest.mark.parametrize(("boxes", "camera"), [(True, False), (False, True), (True, True)])
def test_motion_is_what_flow_tells(people, boxes, camera):
    flow = dense_flow(people[1], people[0])
    found = Detections(torch.tensor([[100.0, 90, 140, 180]]), torch.ones(1), torch.zeros(1))
    moved = Move(boxes, camera)(flow, found)
    expected = (moves_of(flow, found.boxes), camera_of(flow))
    for value, wanted, asked in zip(moved, expected, (boxes, camera), strict=True):
        assert torch.equal(value, wanted) if asked else value is None
