"""Whatever a file holds, the recipe reads it or says in words what is wrong with it."""

from __future__ import annotations

import json
from contextlib import suppress
from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import strategies as st

from recipes.tracking.evaluate.folders import SequenceFiles
from recipes.tracking.evaluate.scores import score
from recipes.tracking.evaluate.sequence import read_pairing
from recipes.tracking.graphdef import DamagedGraph, read_weights
from recipes.tracking.inputs.folder import ImageFolder, read_image
from recipes.tracking.mot import read_detections
from recipes.tracking.video import probe, read_frames
from recipes.tracking.zones.read import read_zones
from tests.fuzzing import damaged, fuzz, fuzzed, nested, words
from tests.recipes.tracking.test_graphdef import KERNEL, field, node, tensor
from torchpipe.errors import UsageError

BOXES = b"1,1,10.5,20,30,40,0.9,-1,-1,-1\n2,1,11,20,30,40,1e0,1\n2,2,nan,-5,0,inf,1\n"
ODD = st.sampled_from(("nan", "inf", "-1", "1e308", "1e-320", "9" * 400, "10000000", "0", "x", ""))
ROWS = st.lists(st.lists(st.one_of(ODD, st.just("3")), min_size=6, max_size=9).map(",".join))
MOT = st.one_of(damaged(BOXES), ROWS.map("\n".join).map(str.encode), st.binary(max_size=50))


@fuzzed
def test_detections(examples, tmp_path):
    file = tmp_path / "boxes.txt"

    def check(data: bytes) -> None:
        file.write_bytes(data)
        with suppress(UsageError):
            read_detections(file)

    fuzz(examples, MOT, check)


def test_one_box_in_a_frame_that_is_far_away_takes_no_time_for_those_before(tmp_path):
    file = tmp_path / "boxes.txt"
    file.write_text("10000000,1,10,20,30,40,1\n")
    found = read_detections(file)
    assert (len(found), len(found[0]), len(found[-1])) == (10_000_000, 0, 1)
    pairing = read_pairing(SequenceFiles("far", file, file, None))
    assert [frame.overlap.tolist() for frame in pairing.frames] == [[[1.0]]]


@fuzzed
def test_evaluated_tracks(examples, tmp_path):
    truth, tracks = tmp_path / "truth.txt", tmp_path / "tracks.txt"

    def check(both: tuple[bytes, bytes]) -> None:
        truth.write_bytes(both[0])
        tracks.write_bytes(both[1])
        with suppress(UsageError):
            score(read_pairing(SequenceFiles("fuzz", truth, tracks, 3))).figures()

    fuzz(examples, st.tuples(MOT, MOT), check)


def test_boxes_and_ids_beyond_all_numbers_are_not_evaluated(tmp_path):
    file = tmp_path / "boxes.txt"
    for line in ("7,1,1e308,0,1,1,1", "7,1e300,0,0,1,1,1"):
        file.write_text(f"{line}\n")
        with pytest.raises(UsageError) as caught:
            read_pairing(SequenceFiles("far", file, file, None))
        assert str(caught.value) == (
            f"cannot evaluate {file}: frame 7 has a number beyond 1,000,000,000. Mend the file."
        )


GRAPH = node(b"a/b", tensor(KERNEL)) + node(b"c", tensor(KERNEL[0]))
SIZES = st.sampled_from((0, 1, 2, 2**31, 2**40, 2**63, 2**69))


@st.composite
def shaped(draw: st.DrawFn) -> bytes:
    """A tensor of any shape, with some content or without."""
    sizes = draw(st.lists(SIZES, max_size=5)) * draw(st.sampled_from((1, 1, 10, 30)))
    shape = b"".join(field(2, field(1, size)) for size in sizes)
    return node(
        b"a", field(1, 1) + field(2, shape) + field(4, draw(st.sampled_from((b"", b"1234"))))
    )


@fuzzed
def test_weights(examples):
    def check(data: bytes) -> None:
        with suppress(DamagedGraph):
            read_weights(data)

    fuzz(examples, st.one_of(damaged(GRAPH), shaped(), st.binary()), check)


@pytest.mark.parametrize("sizes", [(0, 2**63), (0,) * 33, (2**69,) * 100_000])
def test_weights_of_a_shape_that_no_array_has(sizes):
    shape = b"".join(field(2, field(1, size)) for size in sizes)
    with pytest.raises(DamagedGraph, match="a shape that no array can have"):
        read_weights(node(b"a", field(1, 1) + field(2, shape) + field(4, b"")))


ZONES = {"lines": {"door": [[0, 1], [2, 3.5]]}, "polygons": {"hall": [[0, 0], [9, 0], [9, 9]]}}
NUMBERS = st.one_of(st.floats(), st.integers(), st.just(10**400))
POINTS = st.lists(st.lists(NUMBERS, max_size=3), max_size=5)
ANY = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("lines", "polygons"), st.dictionaries(st.text(max_size=3), POINTS))
)
JSON = st.one_of(
    damaged(json.dumps(ZONES).encode()),
    st.one_of(ANY.map(json.dumps), nested("1", "[", "]"), nested("1", '{"a":', "}")).map(
        str.encode
    ),
)
TOML = st.one_of(
    damaged(b"[lines]\ndoor = [[0, 1], [2, 3.5]]\n[polygons]\nhall = [[0, 0], [9, 0], [9, 9]]\n"),
    st.one_of(nested("a=1", "a.", ""), nested("1", "[", "]"), nested("1", "{a=", "}")).map(
        lambda text: f"a = {text}".encode()
    ),
)


@fuzzed
@pytest.mark.parametrize(("name", "texts"), [("zones.json", JSON), ("zones.toml", TOML)])
def test_zones(examples, tmp_path, name, texts):
    file = tmp_path / name

    def check(data: bytes) -> None:
        file.write_bytes(data)
        with suppress(UsageError):
            for zone in read_zones(file):
                assert np.isfinite(zone.distance(np.array([[3.0, 4.0]]))).all()
                zone.name.encode()

    fuzz(examples, texts, check)


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("z.json", "[" * 100_000, "it is nested too deeply. Mend it."),
        ("z.toml", "a = " + "[" * 100_000, "it is nested too deeply. Mend it."),
        ("z.toml", "a." * 50_000 + "b = 1", "a key in it has twenty parts. Mend it."),
    ],
)
def test_zones_that_no_parser_likes(tmp_path, name, text, problem):
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        read_zones(file)
    assert str(caught.value) == f"cannot read the zones of {file}: {problem}"


def test_many_zones_are_read_at_once(tmp_path):
    file = tmp_path / "zones.json"
    file.write_text(json.dumps({"lines": {str(n): [[0, 0], [1, 1]] for n in range(30_000)}}))
    assert len(read_zones(file)) == 30_000


@fuzzed
def test_the_rate_of_a_folder(examples, tmp_path):
    folder, ini = tmp_path / "img1", tmp_path / "seqinfo.ini"
    folder.mkdir()
    (folder / "1.png").write_bytes(b"")

    def check(text: str) -> None:
        ini.write_bytes(f"[Sequence]\nframeRate={text}\n".encode(errors="surrogateescape"))
        with suppress(UsageError):
            assert ImageFolder(str(folder)).probe().rate > 0

    fuzz(examples, words("25", "30000/1001", "29.97", "1e999999999", "1e-999999999"), check)


@pytest.mark.parametrize(
    ("text", "rate"), [("30000/1001", Fraction(30000, 1001)), ("29.97", Fraction(2997, 100))]
)
def test_a_rate_as_a_ratio(tmp_path, text, rate):
    (tmp_path / "seqinfo.ini").write_text(f"[Sequence]\nframeRate={text}\n")
    (tmp_path / "img1").mkdir()
    (tmp_path / "img1" / "1.png").write_bytes(b"")
    assert ImageFolder(str(tmp_path / "img1")).probe().rate == rate


def image(kind: str) -> bytes:
    pixels = np.arange(8 * 6 * 3, dtype=np.uint8).reshape(8, 6, 3)
    return bytes(cv2.imencode(kind, pixels)[1])


@fuzzed
@pytest.mark.parametrize("kind", [".png", ".jpg", ".webp", ".bmp", ".tiff"])
def test_images(examples, tmp_path, kind, capfd):
    file = tmp_path / f"1{kind}"

    def check(data: bytes) -> None:
        file.write_bytes(data)
        with suppress(UsageError):
            assert read_image(file).shape[2] == 3

    fuzz(examples // 3, damaged(image(kind)), check)


def test_an_image_with_more_pixels_than_opencv_takes(tmp_path):
    file = tmp_path / "1.bmp"
    data = bytearray(image(".bmp"))
    data[18:26] = (2**30).to_bytes(4, "little") * 2  # its width and its height
    file.write_bytes(data)
    with pytest.raises(UsageError) as caught:
        read_image(file)
    assert str(caught.value) == (
        f"cannot read {file}: it is no image, or a broken one. Give a whole image, or take it away."
    )


@pytest.fixture(scope="module")
def short(tmp_path_factory):
    """A film of three small frames."""
    import torch

    from recipes.tracking.video import VideoWriter

    file = tmp_path_factory.mktemp("short") / "short.mp4"
    writer = VideoWriter(str(file), Fraction(25))
    for shade in (0, 100, 200):
        writer.write(torch.full((16, 16, 3), shade, dtype=torch.uint8))
    writer.close()
    return file.read_bytes()


@fuzzed
def test_videos(examples, tmp_path, short):
    file = tmp_path / "street.mp4"

    def check(data: bytes) -> None:
        file.write_bytes(data)
        with suppress(UsageError):
            probe(file)
            for frame in read_frames(file):
                assert frame.shape[2] == 3

    fuzz(examples // 3, damaged(short), check)


def test_a_title_that_is_no_text_does_not_matter(tmp_path, short):
    assert b"Lavf" in short  # who wrote it
    (tmp_path / "street.mp4").write_bytes(short.replace(b"Lavf", b"\xccavf"))
    assert len(list(read_frames(tmp_path / "street.mp4"))) == 3


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile other.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nother.mp4\n#EXT-X-ENDLIST\n",
    ],
)
def test_a_video_that_names_other_files_does_not_show_them(tmp_path, short, text):
    (tmp_path / "other.mp4").write_bytes(short)
    for name in ("street.mp4", "street.m3u8"):
        (tmp_path / name).write_text(text)
        with pytest.raises(UsageError):
            list(read_frames(tmp_path / name))
