import queue
import threading
from fractions import Fraction
from functools import partial
from itertools import count, islice
from operator import length_hint
from pathlib import Path

import pytest
from torch import Tensor

import torchpipe as tp
from recipes.tracking.inputs import (
    Address,
    Camera,
    ImageFolder,
    SeveralSources,
    VideoFile,
    VideoSource,
    input_of,
    open_input,
)
from recipes.tracking.inputs.again import Again
from recipes.tracking.video import VideoInfo
from tests.recipes.tracking.conftest import RATE, flat, refusal
from tests.recipes.tracking.inputs.servers import NetworkCamera, index_first, jpeg, web
from torchpipe.errors import UsageError
from torchpipe.testing import Gate, check_cell

LEVELS = list(range(10, 210, 10))


@pytest.fixture(params=["file", "folder", "address"])
def video(request, tmp_path, film):
    """20 frames, each a grey that tells which one it is, as each kind of input that ends."""
    path = film(frames=[flat(level) for level in LEVELS])
    if request.param == "folder":
        (tmp_path / "images").mkdir()
        for number, level in enumerate(LEVELS):
            (tmp_path / "images" / f"{number}.jpg").write_bytes(jpeg(flat(level)))
        yield str(tmp_path / "images")
    elif request.param == "address":
        index_first(path, tmp_path / "first.mp4")
        with web(tmp_path) as address:
            yield f"{address}/first.mp4"
    else:
        yield str(path)


class Watch(tp.Pipeline):
    """Gives the level of each frame of a source."""

    def __init__(self, source):
        super().__init__()
        self.source, self.level = source, tp.cell(level)

    def build(self):
        return self.level(self.source())


def level(frame: Tensor) -> int:
    """The grey of a frame, in tens."""
    return round(frame.float().mean().item() / 10) * 10


def watch(source):
    with Watch(source).run() as run:
        return list(run)


class Steered:
    """A camera that shows what the test tells it to."""

    name, live = "the steered camera", True

    def __init__(self):
        self.shown = queue.Queue()

    def probe(self):
        return VideoInfo(RATE, None)

    def pictures(self):
        while True:
            yield partial(flat, self.shown.get())
            self.shown.task_done()

    def show(self, *levels):
        """Shows these, and returns when whoever reads has taken them."""
        for shot in levels:
            self.shown.put(shot)
        self.shown.join()


class Endless(Steered):
    """A camera that is quicker than anybody."""

    def pictures(self):
        for number in count():
            yield partial(flat, number % 256)


# -- which frames


@pytest.mark.parametrize(
    ("start", "end", "stride"),
    [(0, None, 1), (3, None, 1), (0, 7, 1), (2, 15, 4), (0, 1000, 3), (19, None, 5), (5, 6, 1)],
)
def test_start_end_and_stride_choose_frames_as_a_slice_does(video, start, end, stride):
    source = open_input(video, start, end, stride)
    assert watch(source) == LEVELS[start:end:stride]
    assert length_hint(source) == len(LEVELS[start:end:stride])


def test_the_rate_is_that_of_the_frames_that_are_taken(film):
    assert open_input(film(), stride=3).rate == Fraction(RATE, 3)


@pytest.mark.parametrize("item", [0, 1, 4, 5])
def test_a_run_seeks_among_the_frames_that_are_taken(video, item):
    with Watch(VideoSource(video, start=2, stride=4)).run() as run:
        run.seek(0, item)
        assert list(run) == LEVELS[2::4][item:]


def test_is_a_good_cell(video):
    frames = check_cell(VideoSource(video, start=2, end=18, stride=4))
    assert [level(frame) for frame in frames] == LEVELS[2:18:4]


def test_the_end_of_a_damaged_film_may_lie_before_the_damage(film, tmp_path):
    index_first(film(), tmp_path / "first.mp4")
    content = (tmp_path / "first.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    assert len(watch(VideoSource(tmp_path / "cut.mp4", end=3))) == 3


# -- what a text stands for


def test_what_a_text_stands_for(tmp_path):
    assert input_of("1") == Camera(1)
    assert input_of("rtsp://camera/1") == Address("rtsp://camera/1")
    assert input_of(str(tmp_path)) == ImageFolder(str(tmp_path))
    assert input_of("street.mp4") == VideoFile("street.mp4")
    assert input_of("./0") == VideoFile("./0")
    assert input_of(Path("0")) == VideoFile(Path("0"))
    assert input_of("a" * 300) == VideoFile("a" * 300)
    camera = Steered()
    assert input_of(camera) is camera


# -- live


class Slow(tp.Pipeline):
    """Lets a gate decide when a frame is done; holds one at a time."""

    window = 1

    def __init__(self, source, gate):
        super().__init__()
        self.source, self.slow = source, tp.ScaleUp(gate, clones=1)

    def build(self):
        shown = self.source()
        return self.slow(getattr(shown, "frame", shown))


def test_in_real_time_the_newest_frame_is_next_and_the_others_are_counted():
    camera, gate = Steered(), Gate(number=level)
    source = VideoSource(camera, realtime=True, end=7)
    showing = threading.Thread(target=show_while_busy, args=(camera, gate))
    with Slow(source, gate).run() as run:
        showing.start()
        assert [level(frame) for frame in run] == [10, 60, 70]
    showing.join()
    assert source.losses.dropped == 4


def show_while_busy(camera, gate):
    """Shows one frame, four more that nobody has time for, the next, and one that is waited for."""
    camera.show(10)
    gate.wait_until_inside(10)
    camera.show(20, 30, 40, 50, 60)
    gate.open(10)
    gate.wait_until_inside(60)
    gate.open()
    camera.shown.put(70)  # it's the last: nobody comes back for more


def test_without_real_time_nothing_is_dropped():
    camera = Steered()
    for shot in (10, 20, 30, 40):
        camera.shown.put(shot)
    source = VideoSource(camera, end=4)
    assert watch(source) == [10, 20, 30, 40]
    assert source.losses.dropped == 0


def test_stride_comes_before_dropping():
    source = VideoSource(Endless(), realtime=True, stride=10, end=201)
    found = watch(source)
    assert set(found) <= set(range(0, 256, 10))
    assert len(found) + source.losses.dropped == 21


@pytest.mark.parametrize("pipeline_of", [Watch, lambda source: Slow(source, tp.cell(level))])
def test_a_run_in_real_time_that_is_left_ends_its_thread_and_can_run_again(pipeline_of):
    pipeline = pipeline_of(VideoSource(Endless(), realtime=True))
    with pipeline.run() as run:
        for _ in range(2):
            assert len(list(islice(run, 3))) == 3
            run.seek(0, 0)
    assert "newest frame" not in {thread.name for thread in threading.enumerate()}


def test_an_error_of_the_camera_is_raised_in_real_time_too():
    camera = NetworkCamera([[flat(10)] * 3] * 2)
    camera.switch_on()
    try:
        source = VideoSource(camera.address, realtime=True, again=Again(tries=0))
        source.check()
        error = refusal(watch, source)
    finally:
        camera.switch_off()
    assert error.startswith(f"cannot go on with {camera.address}: it was gone after frame 3 ")


def test_a_camera_that_returned_is_counted():
    camera = NetworkCamera([[flat(10)] * 3] * 3)
    camera.switch_on()
    try:
        source = VideoSource(camera.address, end=5, again=Again(wait=lambda _: None))
        source.check()
        assert watch(source) == [10] * 5
    finally:
        camera.switch_off()
    assert source.losses.returns == 1
    assert source.losses.summary() == {"reconnected": "1 x"}


class Gone(Steered):
    """A camera that shows one frame, and is gone."""

    def __init__(self):
        super().__init__()
        self.frames = [10]

    def pictures(self):
        if not self.frames:
            raise UsageError("there is no camera")
        yield partial(flat, self.frames.pop())


@pytest.mark.parametrize("realtime", [False, True])
@pytest.mark.parametrize("several", [False, True])
def test_a_run_ends_at_once_although_its_camera_is_waited_for(realtime, several):
    source = VideoSource(Gone(), realtime=realtime, again=Again(pause=1e6, tries=2))
    if several:
        other = VideoSource(Gone(), realtime=realtime, again=source.again)
        source = SeveralSources({"one": source, "other": other})
    with Slow(source, tp.cell(lambda frame: 0)).run() as run:
        assert run.pull() == 0
        run.stop()


def test_a_saved_run_goes_on_with_what_a_camera_shows_now():
    camera = Steered()
    camera.shown.put(10)
    with Watch(VideoSource(camera, end=1)).run() as run:
        run.seek(0, 500)
        assert list(run) == [10]


# -- what can't be


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"start": -1}, "cannot start at frame -1: give --start 0 or more."),
        ({"stride": 0}, "cannot take every 0th frame: give --stride 1 or more."),
        (
            {"start": 5, "end": 5},
            "cannot stop before frame 5: it does not lie behind --start 5. Give a larger --end.",
        ),
    ],
)
def test_numbers_that_choose_nothing(options, expected):
    assert refusal(partial(VideoSource, "street.mp4", **options)) == expected


def test_a_start_behind_the_end(video):
    expected = f"cannot start at frame 20 of {video}: it has 20 frames. Give a smaller --start."
    assert refusal(open_input, video, 20) == expected


def test_a_start_behind_the_end_of_a_file_that_does_not_count(film, tmp_path):
    index_first(film(), tmp_path / "film.mkv")
    source = open_input(tmp_path / "film.mkv", 20)
    assert refusal(watch, source) == (
        f"cannot start at frame 20 of {tmp_path / 'film.mkv'}: it has fewer frames. Give a "
        "smaller --start."
    )


def test_what_waits_needs_no_real_time(video):
    assert refusal(partial(open_input, video, realtime=True)) == (
        f"cannot read {video} in real time: it waits, so nothing needs to be dropped. Leave out "
        "--realtime; --stride takes every n-th frame."
    )
