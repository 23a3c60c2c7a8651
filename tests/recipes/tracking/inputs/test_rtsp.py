"""With a real RTSP server, which plays files at their own pace."""

import asyncio
import threading
from fractions import Fraction

import pytest

from recipes.tracking.inputs import Address, VideoSource
from recipes.tracking.inputs.again import Again
from recipes.tracking.video import VideoInfo, VideoWriter, read_frames
from tests.recipes.tracking.conftest import flat, refusal

toolkit = pytest.importorskip("aio_rtsp_toolkit.server")

RATE = Fraction(50)
LEVELS = [20 * (1 + number % 10) for number in range(60)]


@pytest.fixture
def loop():
    """An event loop that runs in a thread; what it still does at the end is cancelled."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield loop
    asyncio.run_coroutine_threadsafe(cancel_all(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def cancel_all():
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def address(loop, tmp_path):
    """Where a folder with a film is served."""
    writer = VideoWriter(tmp_path / "film.mp4", RATE)
    for level in LEVELS:
        writer.write(flat(level))
    writer.close()
    server = toolkit.RtspServer(str(tmp_path), host="127.0.0.1", port=0)
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    yield f"rtsp://127.0.0.1:{server._server.sockets[0].getsockname()[1]}"
    asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)


def test_a_stream_gives_what_is_sent(address, tmp_path):
    stream = Address(f"{address}/film.mp4")
    assert (stream.live, stream.probe()) == (True, VideoInfo(RATE, None))
    frames = [picture() for picture in stream.pictures()]
    expected = list(read_frames(tmp_path / "film.mp4"))
    assert all(frame.equal(same) for frame, same in zip(frames, expected, strict=True))


def test_a_stream_that_ends_is_connected_to_again(address):
    waits = []
    source = VideoSource(f"{address}/film.mp4", end=80, again=Again(2, 0.5, waits.append))
    assert len(list(source())) == 80
    assert (source.losses.returns, waits) == (1, [0.5])


def test_in_real_time_every_frame_is_seen_or_counted(address):
    source = VideoSource(f"{address}/film.mp4", end=60, realtime=True)
    assert len(list(source())) + source.losses.dropped == 60


def test_a_stream_that_is_not_there(address):
    assert refusal(Address(f"{address}/none.mp4").probe) == (
        f"cannot read {address}/none.mp4: Server returned 404 Not Found. Check the address, and "
        "that the other side is there."
    )
