"""What a feed starts, how it ends, and what becomes of errors on the way.

The intents are those of torchdata's `test_early_exit`, and of Grain's
`test_no_mem_leak_with_double_prefetch` and `test_prefetch_traceback_preserves_worker_frames`. The
fixture `nothing_left` looks for threads after each test, too.
"""

from __future__ import annotations

import gc
import signal
import subprocess
import sys
import textwrap
import threading
import traceback
import weakref
from contextlib import suppress
from pathlib import Path

import pytest
import torch

import torchpipe as tp
from tests.engine.made import Background, Fails, happens, torchpipe_threads
from tests.train.made import Stream, Unsized, scaled, sized, unsized
from torchpipe.engine.ring import Ring
from torchpipe.errors import RunError
from torchpipe.testing import Gate, Recorder
from torchpipe.train import Feed

PREFETCH = [0, 2]


# -- warm clones


@pytest.mark.parametrize("clones", [None, 2])
def test_clones_stay_warm_from_epoch_to_epoch(clones):
    recorder = Recorder()
    with Feed(scaled(recorder, clones), range(5), batch_size=2) as feed:
        for _ in range(4):
            assert len(list(feed)) == 3
            next(iter(feed))  # and where an epoch is left early
        assert len(recorder.of("setup")) == (clones or 1)
        assert recorder.of("teardown") == []
    assert len(recorder.of("teardown")) == (clones or 1)


def test_without_clones_and_prefetching_there_are_no_threads():
    with sized(None, prefetch=0) as feed:
        next(iter(feed))
        assert torchpipe_threads() == []


def test_after_break_the_clones_rest(monkeypatch):
    gate, entered, abandoned = Gate(), [], threading.Event()

    def hold(x):
        entered.append(x)
        gate.hold(x)
        return x

    def abandon(ring, original=Ring.abandon):
        original(ring)
        abandoned.set()

    monkeypatch.setattr(Ring, "abandon", abandon)
    with Feed(scaled(tp.cell(hold), 1), range(100), batch_size=2, window=16) as feed:
        gate.open(0, 1)
        for _ in feed:
            break
        gate.wait_until_inside(2)
        gate.open(2)
        happens(abandoned)
        gate.open()
        assert len(list(feed)) == 50
    assert entered in ([0, 1, 2, *range(100)], [0, 1, 2, 3, *range(100)])


@pytest.mark.parametrize("prefetch", PREFETCH)
@pytest.mark.parametrize("clones", [None, 2])
def test_a_sample_that_nobody_asked_for_may_fail(clones, prefetch):
    with Feed(scaled(Fails(5), clones), range(9), batch_size=2, prefetch=prefetch) as feed:
        for epoch in range(3):
            batch = next(iter(feed))
            assert batch.tolist() == [0, 1]
            assert feed.epoch == epoch


# -- the end


def close(feed):
    next(iter(feed))
    feed.close()


def leave_the_block(feed):
    with feed:
        for _ in feed:
            break


def fail_in_the_block(feed):
    with suppress(ZeroDivisionError), feed:
        for _ in feed:
            raise ZeroDivisionError


def interrupt_in_the_block(feed):
    with suppress(KeyboardInterrupt), feed:
        for _ in feed:
            raise KeyboardInterrupt


def hold_the_iterator(feed):
    iterator = iter(feed)
    next(iterator)
    feed.close()
    with pytest.raises(RunError, match="cannot go on with this loop: the feed was closed"):
        next(iterator)


def close_twice(feed):
    list(feed)
    feed.close()
    feed.close()


@pytest.mark.parametrize("prefetch", PREFETCH)
@pytest.mark.parametrize("make", [sized, unsized])
@pytest.mark.parametrize(
    "end",
    [
        close,
        leave_the_block,
        fail_in_the_block,
        interrupt_in_the_block,
        hold_the_iterator,
        close_twice,
    ],
)
def test_no_thread_is_left_after(end, make, prefetch):
    feed = make(prefetch=prefetch)
    for _ in range(3):
        end(feed)
        assert torchpipe_threads() == []


@pytest.mark.parametrize("prefetch", PREFETCH)
def test_a_feed_that_nobody_holds_ends(prefetch):
    feed = sized(prefetch=prefetch)
    iterator = iter(feed)
    next(iterator)
    del feed
    assert len(next(iterator)) == 3
    threads = [thread for thread in threading.enumerate() if "torchpipe" in thread.name]
    del iterator
    for thread in threads:
        thread.join(10.0)
    assert threads
    assert torchpipe_threads() == []


def test_a_feed_that_was_closed_can_be_used_again():
    feed = sized()
    first = [batch.tolist() for batch in feed]
    feed.close()
    with feed:
        assert feed.epoch == 1
        feed.set_epoch(0)
        assert [batch.tolist() for batch in feed] == first


@pytest.mark.parametrize("prefetch", PREFETCH)
def test_a_feed_that_waits_for_its_source_can_be_closed(prefetch):
    inside, go = threading.Event(), threading.Event()

    class Camera(tp.Cell):
        def forward(self):
            yield 0
            inside.set()
            go.wait(10.0)
            yield 1

    feed = Feed(Stream(2, Camera()), batch_size=1, prefetch=prefetch)
    taking = Background(list, feed)
    happens(inside)
    closing = Background(feed.close)
    go.set()
    closing.result()
    assert isinstance(taking.error(), RunError | type(None))


def test_batches_are_let_go():
    alive = []

    def batch(values):
        made = torch.tensor(values)
        alive.append(weakref.ref(made))
        return made

    with Feed(scaled(tp.cell(lambda x: x), 2), range(40), batch_size=1, collate=batch) as feed:
        most = 0
        for given in feed:
            del given
            most = max(most, sum(ref() is not None for ref in alive))
        assert most <= 3  # two that wait, and one that is being made
    gc.collect()
    assert not any(ref() is not None for ref in alive)


# -- errors


@pytest.mark.parametrize("prefetch", PREFETCH)
@pytest.mark.parametrize("clones", [None, 2])
def test_a_sample_that_fails_to_decode_is_the_users_own_error(clones, prefetch):
    feed = Feed(scaled(Fails(4, OSError), clones), range(9), batch_size=2, prefetch=prefetch)
    given = []
    with pytest.raises(OSError, match="no 4") as error:
        given.extend(feed)
    assert [batch.tolist() for batch in given] == [[0, 1], [2, 3]]
    assert "item 4" in error.value.__notes__[0]
    assert "forward" in [frame.name for frame in traceback.extract_tb(error.value.__traceback__)]
    assert torchpipe_threads() == []


@pytest.mark.parametrize("prefetch", PREFETCH)
def test_batches_before_an_error_are_given_and_count(prefetch):
    feed = Feed(scaled(Fails(4), 2), range(9), batch_size=2, prefetch=prefetch)
    iterator = iter(feed)
    assert [next(iterator).tolist() for _ in range(2)] == [[0, 1], [2, 3]]
    with pytest.raises(ValueError, match="no 4"):
        next(iterator)
    assert feed.state_dict()["position"] == 4
    assert torchpipe_threads() == []


@pytest.mark.parametrize("prefetch", PREFETCH)
@pytest.mark.parametrize("clones", [None, 2])
def test_an_error_in_the_last_item_is_raised(clones, prefetch):
    for options in ({"batch_size": 2}, {"batch_size": 6}, {"batch_size": 4}):
        with pytest.raises(ValueError, match="no 5"):
            list(Feed(scaled(Fails(5), clones), range(6), prefetch=prefetch, **options))
        with pytest.raises(ValueError, match="no 5"):
            list(Feed(Stream(clones, Unsized(6), Fails(5)), prefetch=prefetch, **options))
    assert torchpipe_threads() == []


def test_an_error_at_the_end_of_the_epoch_comes_after_the_last_batch():
    class Disk(tp.Cell):
        def forward(self, x):
            return x

        def finish(self):
            raise OSError(28, "disk full")

    feed = Feed(Disk(), range(4), batch_size=2)
    given = []
    with pytest.raises(OSError, match="disk full") as error:
        given.extend(feed)
    assert [batch.tolist() for batch in given] == [[0, 1], [2, 3]]
    assert error.value.args == (28, "disk full")


def test_after_an_error_another_loop_starts_anew():
    failing = {4}

    def decode(x):
        if x in failing:
            raise ValueError("no 4")
        return x

    with Feed(scaled(tp.cell(decode), 2), range(6), batch_size=2) as feed:
        with pytest.raises(ValueError, match="no 4"):
            list(feed)
        failing.clear()
        assert len(list(feed)) == 3


@pytest.mark.parametrize("prefetch", PREFETCH)
@pytest.mark.parametrize("where", ["cell", "clones", "source", "data", "collate"])
def test_a_stop_iteration_of_the_users_does_not_end_the_epoch(where, prefetch):
    def stops(x):
        if x == 2 or x == [2]:
            raise StopIteration
        return x

    class Data(list):
        def __getitem__(self, index):
            return stops(super().__getitem__(index))

    class Source(tp.Cell):
        def forward(self):
            for x in range(5):
                yield stops(x)

    data = {"data": Data(range(5)), "batch_size": 1, "prefetch": prefetch}
    same = tp.cell(lambda x: x)
    feed = {
        "cell": lambda: Feed(tp.cell(stops), **{**data, "data": range(5)}),
        "clones": lambda: Feed(scaled(tp.cell(stops), 2), **{**data, "data": range(5)}),
        "source": lambda: Feed(
            Stream(2, Source(), same), **{key: data[key] for key in ("batch_size", "prefetch")}
        ),
        "data": lambda: Feed(same, **data),
        "collate": lambda: Feed(same, **{**data, "data": range(5)}, collate=stops),
    }[where]()
    with pytest.raises(RuntimeError, match="StopIteration"):
        list(feed)
    assert torchpipe_threads() == []


def test_a_one_shot_source_is_an_error_in_its_second_epoch():
    with Feed(Stream(2, tp.Source(iter(range(5)))), batch_size=2) as feed:
        assert len(list(feed)) == 3
        with pytest.raises(RunError, match="cannot start another epoch"):
            list(feed)


@pytest.mark.parametrize("prefetch", PREFETCH)
@pytest.mark.parametrize("clones", [None, 2])
def test_an_empty_dataset_gives_no_batch(clones, prefetch):
    with Feed(scaled(None, clones), [], batch_size=2, shuffle=True, prefetch=prefetch) as feed:
        assert len(feed) == 0
        assert list(feed) == []
        assert feed.epoch == 1
    with Feed(Stream(clones, Unsized(0)), batch_size=2, prefetch=prefetch) as feed:
        assert list(feed) == []
        assert feed.epoch == 1


@pytest.mark.parametrize("make", [sized, unsized])
def test_fewer_samples_than_a_batch_are_one_smaller_batch_or_none(make):
    with make(batch_size=10) as feed:
        assert [len(batch) for batch in feed] == [7]
    with make(batch_size=10, drop_last=True) as feed:
        assert list(feed) == []
        assert feed.epoch == 1
    assert len(sized(batch_size=10, drop_last=True)) == 0


def test_ctrl_c_in_the_middle_leaves_no_thread():
    program = """
        import threading, torch, torchpipe as tp
        from torchpipe.train import Feed

        def slow(x):
            if x == 5:
                print("running", flush=True)
            if x > 5:
                never.wait(0.2)
            return x

        never = threading.Event()
        feed = Feed(tp.ScaleUp(tp.cell(slow), 2), range(10**6), batch_size=4)
        try:
            for batch in feed:
                pass
        except KeyboardInterrupt:
            print([t.name for t in threading.enumerate() if "torchpipe" in t.name], flush=True)
    """
    command = [sys.executable, "-W", "error", "-c", textwrap.dedent(program)]
    root = Path(tp.__file__).parents[1]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "running\n"
        child.send_signal(signal.SIGINT)
        assert child.stdout.read() == "[]\n"
    assert child.returncode == 0
