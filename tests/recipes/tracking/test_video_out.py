import os
import shutil
import subprocess
import sys
from pathlib import Path

import av
import pytest

from recipes.tracking.video import VideoWriter, read_frames
from tests.recipes.tracking.conftest import RATE, flat, noise, refusal


def write_all(writer, frames):
    for frame in frames:
        writer.write(frame)


def test_the_file_appears_only_when_it_is_closed(tmp_path):
    writer = VideoWriter(tmp_path / "film.mp4", RATE)
    write_all(writer, noise(3))
    assert not (tmp_path / "film.mp4").exists()
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ["film.mp4"]
    with av.open(str(tmp_path / "film.mp4")) as film:
        stream = film.streams.video[0]
        assert (stream.codec_context.name, stream.frames, stream.average_rate) == ("h264", 3, RATE)


def test_a_discarded_file_leaves_nothing(tmp_path):
    writer = VideoWriter(tmp_path / "film.mp4", RATE)
    writer.write(flat(9))
    writer.discard()
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_discard_after_close_keeps_the_file(film, tmp_path):
    writer = VideoWriter(tmp_path / "film.mp4", RATE)
    writer.write(flat(9))
    writer.close()
    writer.discard()
    assert len(list(read_frames(tmp_path / "film.mp4"))) == 1


def test_a_film_without_frames_is_no_file(tmp_path):
    VideoWriter(tmp_path / "film.mp4", RATE).close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("size", "even"), [((49, 65), (48, 64)), ((1, 1), (2, 2))])
def test_odd_sizes_become_even(film, size, even):
    frame = next(read_frames(film(frames=[flat(100, *size)])))
    assert tuple(frame.shape[:2]) == even
    assert frame.float().mean().item() == pytest.approx(100, abs=3)


def test_frames_of_another_size_are_scaled_to_the_first(film):
    frames = list(read_frames(film(frames=[flat(50), flat(150, 30, 30)])))
    assert [frame.shape for frame in frames] == [(48, 64, 3)] * 2


def test_an_output_that_exists(film):
    path = film()
    content = path.read_bytes()
    assert refusal(VideoWriter, path, RATE) == (
        f"cannot write {path}: it exists. Name another file, or add --overwrite."
    )
    assert path.read_bytes() == content


def test_overwrite_keeps_the_old_file_until_the_new_one_is_whole(film):
    path = film()
    content = path.read_bytes()
    writer = VideoWriter(path, RATE, overwrite=True)
    writer.write(flat(9))
    assert path.read_bytes() == content
    writer.close()
    assert len(list(read_frames(path))) == 1


FILL = """
import resource, signal, sys
from fractions import Fraction
from recipes.tracking.video import VideoWriter
from tests.recipes.tracking.conftest import noise
from torchpipe.errors import UsageError

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
writer = VideoWriter(sys.argv[1], Fraction(7))
try:
    for frame in noise(1, 240, 320):
        writer.write(frame)
    writer.close()
except UsageError as error:
    print(error)
finally:
    writer.discard()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="there is no limit on file sizes")
@pytest.mark.parametrize("missing", [1, 20_000, 40_000], ids=lambda size: f"{size} bytes missing")
def test_a_disk_without_room(film, tmp_path, missing):
    path = film(frames=noise(1, 240, 320))  # one frame takes as many bytes each time
    room = path.stat().st_size - missing
    path.unlink()
    command = [sys.executable, "-c", FILL, str(path), str(room)]
    ended = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path.cwd())
    assert ended.stdout == (
        f"cannot write {path}: File too large. Nothing is left of it. "
        "Make room, or name a file elsewhere.\n"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system with room for 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    options = ["-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if (
        mount is None
        or os.name != "posix"
        or subprocess.run([mount, *options], check=False).returncode
    ):
        pytest.skip("a small file system to fill can be mounted by root only")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk(tiny_disk):
    path = tiny_disk / "film.mp4"
    writer = VideoWriter(path, RATE)
    error = refusal(write_all, writer, noise(200))
    writer.discard()
    assert error == (
        f"cannot write {path}: No space left on device. Nothing is left of it. "
        "Make room, or name a file elsewhere."
    )
    assert list(tiny_disk.iterdir()) == []
