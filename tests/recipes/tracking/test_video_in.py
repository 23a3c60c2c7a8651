from fractions import Fraction

import av
import pytest
import torch

from recipes.tracking.video import VideoInfo, probe, read_frames
from tests.recipes.tracking.conftest import RATE, flat, refusal

MEND = "Give a whole file, or mend this one by converting it."


def test_frames_come_back_in_order(film):
    levels = [20, 60, 100, 140, 180, 220]
    frames = read_frames(film(frames=[flat(level) for level in levels]))
    assert [frame.float().mean().item() for frame in frames] == pytest.approx(levels, abs=3)


def test_a_frame_is_height_width_rgb_bytes(film):
    red = flat(0)
    red[..., 0] = 255
    frame = next(read_frames(film(frames=[red])))
    assert (frame.shape, frame.dtype) == ((48, 64, 3), torch.uint8)
    assert frame.float().mean(dim=(0, 1)).tolist() == pytest.approx([255, 0, 0], abs=6)


def test_the_header_tells_rate_and_length(film):
    assert probe(film()) == VideoInfo(rate=RATE, frames=20)


def test_real_videos(data):
    info = probe(data / "video" / "vtest.avi")
    assert info == VideoInfo(rate=Fraction(10), frames=795)
    assert sum(1 for _ in read_frames(data / "video" / "TUD-Campus.mp4")) == 71


def test_a_film_made_by_a_phone_held_upright_comes_upright(film, tmp_path):
    lying, upright = film(frames=[torch.cat([flat(0), flat(255)])]), tmp_path / "upright.mp4"
    with av.open(str(lying)) as source, av.open(str(upright), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        stream.set_display_rotation(90)
        for packet in source.demux(video=0):
            if packet.size:
                packet.stream = stream
                target.mux(packet)
    frame = next(read_frames(upright)).float()
    assert frame.shape == (64, 96, 3)
    assert frame[:, :40].mean() < 10  # the upper half, turned counter-clockwise, is at the left
    assert frame[:, 56:].mean() > 245


def test_a_missing_file(tmp_path):
    path = tmp_path / "none.mp4"
    expected = f"cannot read {path}: there is no such file. Name a video file."
    assert refusal(probe, path) == refusal(list, read_frames(path)) == expected


def test_a_folder_or_an_address_is_no_file(tmp_path):
    assert "there is no such file" in refusal(probe, tmp_path)
    assert "there is no such file" in refusal(probe, "tcp://127.0.0.1:9/film.mp4")


def test_a_name_that_no_file_can_have(tmp_path):
    path = tmp_path / ("a" * 300)
    assert refusal(probe, path) == f"cannot read {path}: File name too long. {MEND}"


def test_an_empty_file(tmp_path):
    path = tmp_path / "empty.mp4"
    path.touch()
    assert refusal(probe, path) == f"cannot read {path}: it is empty. {MEND}"


@pytest.mark.parametrize("name", ["film.mp4", "film.avi", "film.json"])
def test_another_kind_of_file(tmp_path, name):
    path = tmp_path / name
    path.write_text("no film, but a text\n" * 100)
    expected = f"cannot read {path}: it is not a video, or only the beginning of one. {MEND}"
    assert refusal(probe, path) == expected


def test_a_text_is_not_taken_for_a_film_of_letters(tmp_path):
    path = tmp_path / "film.txt"
    path.write_text("FFmpeg would show this as if it were typed\n" * 100)
    assert refusal(probe, path) == (
        f"cannot read {path}: there is no video in it. Name a video file."
    )


def test_a_sound_file(tmp_path):
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        silence = av.AudioFrame(format="s16", layout="mono", samples=800)
        silence.rate = 8000
        for plane in silence.planes:
            plane.update(bytes(plane.buffer_size))
        container.mux(stream.encode(silence))
        container.mux(stream.encode(None))
    assert refusal(probe, path) == (
        f"cannot read {path}: there is no video in it. Name a video file."
    )


def converted(source, path, codec):
    """The same film in another kind of container."""
    with av.open(str(source)) as film, av.open(str(path), "w") as target:
        stream = target.add_stream(codec, rate=RATE)
        size = film.streams.video[0]
        stream.width, stream.height, stream.pix_fmt = size.width, size.height, "yuv420p"
        for frame in film.decode(video=0):
            target.mux(stream.encode(frame.reformat(format="yuv420p")))
        target.mux(stream.encode(None))
    return path


def cut(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    return path


def frames_before_error(path):
    frames = []
    error = refusal(frames.extend, read_frames(path))
    return len(frames), error


def test_a_film_whose_index_is_cut_off(film):
    path = cut(film(), 0.6)
    expected = f"cannot read {path}: it is not a video, or only the beginning of one. {MEND}"
    assert refusal(probe, path) == expected


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
def test_a_film_that_is_cut_off_gives_what_is_whole_then_says_where_it_stops(film, tmp_path, share):
    path = cut(converted(film(), tmp_path / "film.avi", "mpeg4"), share)
    count, error = frames_before_error(path)
    assert 0 < count < 20
    assert error == (
        f"cannot read all of {path}: it is damaged or cut off after frame {count} "
        f"(its header states 20 frames). {MEND}"
    )


def test_a_film_that_is_cut_off_in_a_container_that_does_not_count(film, tmp_path):
    path = cut(converted(film(), tmp_path / "film.mkv", "mpeg4"), 0.5)
    count, error = frames_before_error(path)
    assert 0 < count < 20
    assert error == (
        f"cannot read all of {path}: it is damaged or cut off after frame {count} "
        f"(its header states 2.9 s). {MEND}"
    )


def test_a_film_with_damage_inside(film):
    path = film()
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 4000] = bytes(4000)
    path.write_bytes(content)
    count, error = frames_before_error(path)
    assert 0 < count < 20
    assert error.startswith(
        f"cannot read all of {path}: it is damaged or cut off after frame {count} ("
    )


def test_whole_films_in_other_containers_raise_nothing(film, tmp_path):
    for name in ("film.avi", "film.mkv"):
        assert len(list(read_frames(converted(film(), tmp_path / name, "mpeg4")))) == 20
        (tmp_path / "film.mp4").unlink()


def test_a_film_whose_size_changes_keeps_the_size_of_its_first_frame(film, tmp_path):
    small = converted(film("a.mp4", [flat(40)] * 3), tmp_path / "a.h264", "libx264")
    large = converted(film("b.mp4", [flat(200, 96, 128)] * 3), tmp_path / "b.h264", "libx264")
    both = tmp_path / "both.h264"
    both.write_bytes(small.read_bytes() + large.read_bytes())
    frames = list(read_frames(both))
    assert {frame.shape for frame in frames} == {(48, 64, 3)}
    levels = [frame.float().mean().item() for frame in frames]
    assert levels == pytest.approx([40] * 3 + [200] * 3, abs=8)
