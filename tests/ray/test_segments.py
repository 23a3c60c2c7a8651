"""Shared memory that is lent: bounded, used again, and only when nobody needs what lies in it."""

from __future__ import annotations

import gc
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from torchpipe.engine.remote.held import Held
from torchpipe.engine.remote.lending import Lending, lent_size
from torchpipe.engine.remote.loans import Loans
from torchpipe.engine.remote.segments import Pool, fill, laid_out, rounded
from torchpipe.engine.remote.wire import decoded, encoded

MIB = 2**20


def files() -> int:
    """How many segments this process has open."""
    with suppress(FileNotFoundError):  # that of this very listing
        return sum("memfd:torchpipe" in str(link.readlink()) for link in links())
    return files()


def links() -> list[Path]:
    return [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]


@pytest.fixture
def pool():
    made = Pool(4 * MIB)
    gc.collect()  # what tests before have left to it
    before = files()
    yield made
    gc.collect()
    made.clear()
    assert files() == before


@pytest.fixture
def pickler():
    from ray.cloudpickle import CloudPickler  # only here: it takes its time

    return CloudPickler


def test_a_segment_is_used_again_when_its_lease_ends(pool):
    lease = pool.lease(MIB)
    key = lease.segment.key
    assert pool.lease(MIB).segment.key != key
    del lease
    assert pool.lease(MIB).segment.key == key


def test_a_lease_that_ends_after_the_pool_was_cleared_gives_its_memory_back(pool):
    before = files()
    lease = pool.lease(MIB)
    pool.clear()
    del lease
    assert files() == before


def test_an_array_keeps_its_segment(pool):
    lease = pool.lease(MIB)
    key = lease.segment.key
    array = np.frombuffer(lease.view(64, 4000), np.float32)
    del lease
    other = pool.lease(MIB)
    assert other.segment.key != key
    part = array[10:20]
    del array, other
    assert pool.lease(MIB).segment.key != key
    del part
    assert key in {pool.lease(MIB).segment.key, pool.lease(MIB).segment.key}


def test_the_pool_is_bounded(pool):
    leases = [pool.lease(MIB - 64) for _ in range(6)]
    assert sum(lease is not None for lease in leases) == 4
    assert sum(segment.size for segment in pool.segments.values()) <= 4 * MIB


def test_free_segments_make_room_for_one_that_is_larger(pool):
    leases = [pool.lease(MIB - 64) for _ in range(4)]
    assert pool.lease(2 * MIB) is None
    leases.clear()
    assert pool.lease(2 * MIB) is not None


def test_a_spoilt_segment_is_never_used_again(pool):
    lease = pool.lease(MIB)
    key = lease.segment.key
    lease.segment.spoilt = True
    del lease
    assert pool.lease(MIB).segment.key != key
    assert key not in pool.segments


def test_sizes_that_differ_a_little_are_rounded_to_one():
    assert rounded(6_220_864) == rounded(6_250_000)
    assert all(size <= rounded(size) <= size * 1.13 + 4096 for size in range(1, 10**7, 9973))


def test_a_borrower_reads_what_was_written(pool):
    lease, loans = pool.lease(MIB), Loans()
    array = np.arange(1000)
    starts = laid_out([array.nbytes])
    fill(lease.segment.memory, starts, [array])
    given = loans.view(lease.segment.place(starts[0], array.nbytes), loans.begin(7))
    assert np.frombuffer(given, array.dtype).tolist() == array.tolist()
    with pytest.raises(ValueError, match="read-only"):
        given[0] = 1


def test_a_borrower_tells_of_a_call_once_it_keeps_nothing(pool):
    lease, loans = pool.lease(MIB), Loans()
    loan = loans.begin(7)
    first = loans.view(lease.segment.place(64, 100), loan)
    second = loans.view(lease.segment.place(192, 100), loan)
    del loan, first
    assert loans.take_returned() == []
    del second
    assert loans.take_returned() == [7]


def test_another_file_is_not_taken_for_the_segment(pool):
    place = pool.lease(MIB).segment.place(64, 100)
    with pytest.raises(FileNotFoundError, match="is not there"):
        Loans().open(place._replace(key=place.key + 1))


def test_what_lies_in_a_segment_is_not_copied_again(pool, pickler):
    array = np.arange(10_000)
    message = encoded(array, pickler)
    view = pool.lease(MIB).view(64, array.nbytes)
    view[:] = np.frombuffer(message.buffers[0], np.uint8)
    again = encoded([Held(message.data, [view])], pickler)
    assert len(again.data) < 1000
    assert Lending(pool).contents(0, again) == [view.place]
    assert lent_size(again) == array.nbytes
    assert decoded(*again, copy=False)[0].value().tolist() == array.tolist()


def test_arguments_are_lent_until_they_are_returned(pool, pickler):
    lending = Lending(pool)
    message = encoded(np.zeros(MIB // 8), pickler)
    (place,) = lending.contents(3, message)
    del message
    assert pool.lease(MIB).segment.key != place.key
    lending.returned([3])
    keys = {lease.segment.key for lease in [pool.lease(MIB), pool.lease(MIB)]}
    assert place.key in keys


def test_the_room_for_an_answer_follows_the_results_before(pool):
    lending = Lending(pool)
    assert lending.room(0, 4) is None
    lending.expect(MIB, 2)
    assert MIB <= lending.room(1, 2).capacity < 2 * MIB <= lending.room(2, 4).capacity
    for _ in range(100):
        lending.expect(0, 1)
    assert lending.room(3, 4) is None


def test_the_room_of_a_lost_clone_is_spoilt(pool):
    lending = Lending(pool)
    lending.expect(MIB, 1)
    key = lending.room(1, 1).key
    lending.lost()
    pool.lease(1)
    assert key not in pool.segments


def test_without_room_contents_go_as_they_are(pool, pickler):
    everything = pool.lease(4 * MIB - 4096)
    array = np.ones(MIB)
    message = encoded(array, pickler)
    contents = Lending(pool).contents(0, message)
    assert decoded(message.data, contents, copy=False).tolist() == array.tolist()
    assert everything is not None
