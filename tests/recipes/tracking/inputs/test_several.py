from operator import length_hint

import pytest

import torchpipe as tp
from recipes.tracking.inputs import SeveralSources, VideoSource, names_of, open_inputs
from tests.recipes.tracking.conftest import flat, refusal
from tests.recipes.tracking.inputs.test_source import Endless, Steered, level
from torchpipe.testing import check_cell


@pytest.fixture
def films(film):
    """Three films of different lengths; the level of a frame tells which one it is of."""
    counts = {"a": 5, "b": 2, "c": 3}
    return {
        name: str(film(f"{name}.mp4", [flat(base + 10 * frame) for frame in range(count)]))
        for base, (name, count) in zip((10, 100, 200), counts.items(), strict=True)
    }


def seen(shots):
    return [(shot.video, shot.number, level(shot.frame)) for shot in shots]


class Watch(tp.Pipeline):
    def __init__(self, source):
        super().__init__()
        self.source = source

    def build(self):
        return self.source()


def watch(source, count=None):
    with Watch(source).run(items=count) as run:
        return seen(run)


ALL = [
    ("a", 0, 10),
    ("b", 0, 100),
    ("c", 0, 200),
    ("a", 1, 20),
    ("b", 1, 110),
    ("c", 1, 210),
    ("a", 2, 30),
    ("c", 2, 220),
    ("a", 3, 40),
    ("a", 4, 50),
]


def test_films_take_turns_until_all_have_ended(films):
    source = SeveralSources(open_inputs(list(films.values())))
    assert watch(source) == ALL
    assert length_hint(source) == len(ALL)


def test_start_end_and_stride_are_those_of_each(films):
    source = SeveralSources(open_inputs([films["a"], films["c"]], start=1, end=4, stride=2))
    assert watch(source) == [("a", 0, 20), ("c", 0, 210), ("a", 1, 40)]


@pytest.mark.parametrize("item", range(11))
def test_a_run_seeks_in_all_of_them(films, item):
    with Watch(SeveralSources(open_inputs(list(films.values())))).run() as run:
        run.seek(0, item)
        assert seen(run) == ALL[item:]


def test_is_a_good_cell(films):
    assert seen(check_cell(SeveralSources(open_inputs(list(films.values()))))) == ALL


def live(*cameras, **options):
    return SeveralSources(
        {name: VideoSource(camera, **options) for name, camera in zip("ab", cameras, strict=True)}
    )


def test_the_camera_that_has_a_frame_is_next():
    one, other = Steered(), Steered()
    with Watch(live(one, other, end=2)).run() as run:
        shots = iter(run)
        for camera, name, shot in ((other, "b", 10), (other, "b", 20), (one, "a", 30)):
            camera.shown.put(shot)
            assert seen([next(shots)])[0][::2] == (name, shot)
        one.shown.put(40)
        assert seen(shots) == [("a", 1, 40)]


def test_without_real_time_nothing_is_dropped():
    one, other = Steered(), Steered()
    for shot in (10, 20, 30):
        one.shown.put(shot)
        other.shown.put(shot + 100)
    source = live(one, other, end=3)
    found = watch(source)
    assert [shot for shot in found if shot[0] == "a"] == [("a", n, 10 + 10 * n) for n in range(3)]
    assert [shot for shot in found if shot[0] == "b"] == [("b", n, 110 + 10 * n) for n in range(3)]
    assert [each.losses.dropped for each in source.sources.values()] == [0, 0]


def test_in_real_time_each_counts_what_it_drops():
    source = live(Endless(), Endless(), realtime=True, end=50)
    found = watch(source)
    for name, each in source.sources.items():
        assert sum(shot[0] == name for shot in found) + each.losses.dropped == 50


def test_a_run_that_is_left_can_run_again():
    with Watch(live(Endless(), Endless())).run() as run:
        for _ in range(2):
            shots = iter(run)
            assert {next(shots).video for _ in range(20)} == {"a", "b"}
            run.seek(0, 0)


def test_names_are_short_and_all_different():
    videos = [
        "street.mp4",
        "x/street.avi",
        "0",
        "http://me:secret@gate:80/a.mjpg",
        "train/A-1/img1",
    ]
    videos += ["../", "street-2.mp4"]
    assert names_of([VideoSource(video) for video in videos]) == [
        "street",
        "street-2",
        "camera-0",
        "gate-80-a.mjpg",
        "A-1",
        "video",
        "street-2-2",
    ]


def test_files_are_not_read_beside_cameras(films):
    sources = {"a": VideoSource(films["a"]), "b": VideoSource(Steered())}
    assert refusal(SeveralSources, sources) == (
        f"cannot read the steered camera beside {films['a']}: one is live, and the other waits for "
        "whoever reads it. Run them one by one."
    )


def test_no_video_is_refused():
    assert refusal(open_inputs, []) == "cannot read no videos: name one or more."
