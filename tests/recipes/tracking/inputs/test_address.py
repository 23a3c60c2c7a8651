import socket
import traceback

import pytest

from recipes.tracking.inputs import Address
from recipes.tracking.pipeline import CLIP
from recipes.tracking.video import VideoInfo, read_frames
from tests.recipes.tracking.conftest import flat, noise, refusal
from tests.recipes.tracking.inputs.servers import NetworkCamera, index_first, web

CHECK = "Check the address, and that the other side is there."


@pytest.fixture
def camera():
    """A network camera that shows these frames, a list for each connection."""
    camera = NetworkCamera([])
    camera.switch_on()
    yield camera
    camera.switch_off()


@pytest.fixture
def page(tmp_path):
    """The address of a web server's folder."""
    with web(tmp_path) as address:
        yield address


def until_gone(source):
    """What a live source shows until it is gone."""
    frames = []
    error = refusal(frames.extend, (picture() for picture in source.pictures()))
    assert error == (
        f"cannot read all of {source.name}: it broke off after frame {len(frames)} "
        f"(Input/output error). {CHECK}"
    )
    return frames


def test_a_video_of_a_web_server_is_a_recording():
    with web(CLIP.parent) as address:
        clip = Address(f"{address}/{CLIP.name}")
        assert (clip.live, clip.probe()) == (False, VideoInfo(7, 120))
        frames = [picture() for picture in clip.pictures()]
    assert all(frame.equal(same) for frame, same in zip(frames, read_frames(CLIP), strict=True))


def test_a_network_camera_is_live(camera):
    camera.shots = [[flat(level) for level in (20, 60, 100)]] * 2
    source = Address(camera.address)
    assert (source.live, source.probe().frames) == (True, None)
    levels = [frame.float().mean().item() for frame in until_gone(source)]
    assert levels == pytest.approx([20, 60, 100], abs=2)
    assert camera.connections == 2


def test_a_network_camera_whose_size_changes_keeps_that_of_the_first_frame(camera):
    camera.shots = [[flat(20), flat(60), flat(100, 96, 128)]] * 2
    assert [frame.shape for frame in until_gone(Address(camera.address))] == [(48, 64, 3)] * 3


def test_frames_of_a_network_camera_that_arrive_damaged_are_left_out(camera):
    camera.shots = [[flat(20), flat(60), b"no image" * 100, flat(100)]] * 2
    levels = [frame.float().mean().item() for frame in until_gone(Address(camera.address))]
    assert levels == pytest.approx([20, 60, 100], abs=2)


def test_nothing_at_the_address(page):
    source = Address(f"{page}/none.mp4")
    expected = f"cannot read {page}/none.mp4: Server returned 404 Not Found. {CHECK}"
    assert refusal(source.probe) == refusal(list, source.pictures()) == expected


@pytest.mark.parametrize("content", ["", "no film, but a text\n" * 100])
def test_something_else_at_the_address(page, tmp_path, content):
    (tmp_path / "film.mp4").write_text(content)
    error = refusal(Address(f"{page}/film.mp4").probe)
    assert error == f"cannot read {page}/film.mp4: what it sends is no video. {CHECK}"


def test_nobody_at_the_address():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for kind in ("http", "rtsp"):
        address = f"{kind}://127.0.0.1:{port}/live"
        assert refusal(Address(address).probe) == (
            f"cannot read {address}: Connection refused. {CHECK}"
        )


def test_somebody_who_does_not_answer():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/live"
        assert refusal(Address(address, timeout=0.1).probe) == (
            f"cannot read {address}: it did not answer in time. {CHECK}"
        )


def test_a_recording_that_breaks_off(page, tmp_path, film):
    path = film(frames=noise(40, 96, 128))
    index_first(path, tmp_path / "first.mp4")
    content = (tmp_path / "first.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 2])
    frames, address = [], f"{page}/cut.mp4"
    error = refusal(frames.extend, Address(address).pictures())
    assert 0 < len(frames) < 40
    assert error.startswith(
        f"cannot read all of {address}: it broke off after frame {len(frames)} ("
    )
    assert error.endswith(f"). {CHECK}")


def test_another_kind_of_address():
    assert refusal(Address("ftp://server/film.mp4").probe) == (
        "cannot read ftp://server/film.mp4: ftp:// is not known. Give a file, or an address that "
        "begins with one of http, https, rtmp, rtsp, rtsps, srt, udp."
    )


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("rtsp://me:secret@camera:554/1", "rtsp://me:***@camera:554/1"),
        ("rtsp://me:s@cret@camera/1", "rtsp://me:***@camera/1"),
        ("rtsp://camera:554/1", "rtsp://camera:554/1"),
        ("http://server/a:b@c", "http://server/a:b@c"),
    ],
)
def test_no_error_shows_a_password(address, shown):
    assert Address(address).name == shown


def test_no_traceback_shows_a_password(page):
    address = page.replace("://", "://me:secret@") + "/none.mp4"
    with pytest.raises(Exception, match="me:") as caught:
        Address(address).probe()
    assert "secret" not in "".join(traceback.format_exception(caught.value))
