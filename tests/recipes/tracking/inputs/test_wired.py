"""`Tracking` with each kind of input."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from recipes.tracking import Tracking
from recipes.tracking.inputs.again import Again
from recipes.tracking.video import VideoInfo, probe
from tests.recipes.tracking.conftest import RATE, flat, refusal
from tests.recipes.tracking.inputs.servers import NetworkCamera, index_first, jpeg, web


@pytest.fixture
def make(net, tmp_path, monkeypatch) -> Callable[..., Tracking]:
    """Makes the pipeline in an empty folder."""
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    return Tracking


@pytest.fixture
def sequence(people, tmp_path) -> Path:
    """A folder of images of people."""
    folder = tmp_path / "img1"
    folder.mkdir()
    for number, frame in enumerate(people):
        (folder / f"{number}.jpg").write_bytes(jpeg(frame))
    return folder


@pytest.fixture
def camera(people):
    """A network camera that shows people, and can be looked at twice before."""
    camera = NetworkCamera([people] * 3)
    camera.switch_on()
    yield camera
    camera.switch_off()


def run(pipeline):
    with pipeline.run() as running:
        return list(running)


def left():
    """What is in the folder."""
    return sorted(path.name for path in Path.cwd().iterdir())


def test_some_frames_of_a_film(make, film, people):
    results = run(make(str(film(frames=people)), start=1, end=10, stride=3))
    assert [tracks.frame for _, tracks in results] == [1, 2, 3]
    assert probe("tracking.mp4") == VideoInfo(Fraction(RATE, 3), 3)


def test_a_folder_of_images(make, sequence, people):
    assert len(run(make(str(sequence)))) == len(people)
    assert probe("tracking.mp4") == VideoInfo(Fraction(25), len(people))


def test_a_video_of_a_web_server(make, film, people, tmp_path):
    index_first(film(frames=people), tmp_path / "first.mp4")
    with web(tmp_path) as address:
        assert len(run(make(f"{address}/first.mp4"))) == len(people)


def test_a_network_camera_in_real_time(make, camera, people):
    pipeline = make(camera.address, realtime=True, end=len(people))
    taken = len(run(pipeline))
    dropped = len(people) - taken
    expected = {"dropped": f"{dropped} frames, to keep up"} if dropped else {}
    files = {"video": "tracking.mp4", "tracks": "tracking.txt"}
    people_seen = pipeline.count.summary
    assert pipeline.summary() == files | people_seen | expected
    assert probe("tracking.mp4").frames == taken


def test_what_a_network_camera_showed_before_it_was_gone_is_kept(make, camera, people):
    pipeline = make(camera.address, csv="out.csv", frames="frames", heatmap="heat.png")
    pipeline.source.again = Again(tries=0)
    assert refusal(run, pipeline).startswith(f"cannot go on with {camera.address}: it was gone ")
    assert left() == ["frames", "heat.png", "out.csv", "tracking.mp4", "tracking.txt"]
    assert probe("tracking.mp4").frames == len(list(Path("frames").iterdir())) == len(people)


def test_a_break_leaves_no_files_of_a_network_camera(make, camera):
    with make(camera.address).run(window=1) as running:
        running.pull()
    assert left() == []


def test_a_network_camera_that_is_gone_ends_the_run_of_all_and_all_is_kept(make, camera, people):
    camera.shots = [people] * 6
    pipeline = make([camera.address, f"{camera.address}/2"])
    for source in pipeline.source.sources.values():
        source.again = Again(tries=0)
    assert refusal(run, pipeline).startswith(f"cannot go on with {camera.address}")
    films = [path for path in left() if path.endswith(".mp4")]
    assert len(films) == 2
    assert max(probe(path).frames for path in films) == len(people)


def test_a_camera_that_was_gone_before_is_forgotten_in_the_next_epoch(make, camera, people):
    camera.shots = [people] * 4
    pipeline = make(camera.address)
    pipeline.source.again = Again(tries=0)
    refusal(run, pipeline)
    assert pipeline.source.losses.gone
    pipeline.source.reset()
    assert not pipeline.source.losses.gone


def test_a_broken_image_leaves_no_files(make, sequence):
    (sequence / "9.jpg").write_bytes(b"no image")
    assert refusal(run, make(str(sequence))).startswith(f"cannot read {sequence / '9.jpg'}: ")
    assert left() == []


def test_an_image_of_another_size_leaves_no_files(make, sequence):
    (sequence / "9.jpg").write_bytes(jpeg(flat(0)))
    assert "it has 64 x 48 pixels" in refusal(run, make(str(sequence)))
    assert left() == []


def test_an_address_without_anybody_fails_before_anything_starts(make):
    error = refusal(make, "http://127.0.0.1:9/live")
    assert error.startswith("cannot read http://127.0.0.1:9/live: ")
    assert left() == []


def test_a_file_of_detections_is_not_about_something_live(make, camera, tmp_path):
    (tmp_path / "det.txt").write_text("1,-1,10,20,30,40,0.9\n")
    error = refusal(lambda: make(camera.address, detector=str(tmp_path / "det.txt")))
    assert error.startswith(f"cannot detect with {tmp_path / 'det.txt'}: nobody knows which frames")
