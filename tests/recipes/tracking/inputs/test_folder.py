from fractions import Fraction

import cv2
import pytest
import torch

from recipes.tracking.inputs import ImageFolder
from recipes.tracking.inputs.folder import KINDS, natural
from recipes.tracking.video import VideoInfo
from tests.recipes.tracking.conftest import flat, refusal


@pytest.fixture
def images(tmp_path):
    """Writes images of these greys, or with these contents, under these names."""

    def write(**greys):
        folder = tmp_path / "sequence" / "img1"
        folder.mkdir(parents=True, exist_ok=True)
        for name, grey in greys.items():
            frame = flat(grey) if isinstance(grey, int) else grey
            name = name.lstrip("_").replace("__", ".")
            cv2.imwrite(str(folder / name), cv2.cvtColor(frame.numpy(), cv2.COLOR_RGB2BGR))
        return folder

    return write


def levels(folder):
    return [round(picture().float().mean().item()) for picture in ImageFolder(folder).pictures()]


def test_images_come_in_the_order_of_their_numbers(images):
    folder = images(_10__png=100, _9__png=90, _1__png=10, _002__png=20)
    assert levels(folder) == [10, 20, 90, 100]


def test_natural_order():
    names = ["a10", "a9", "B1", "10", "9", "a9b"]
    assert sorted(names, key=natural) == ["9", "10", "a9", "a9b", "a10", "B1"]


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_rgb_bytes_whatever_its_kind(images, kind):
    red = flat(0)
    red[..., 0] = 255
    (picture,) = ImageFolder(images(**{f"red{kind.replace('.', '__')}": red})).pictures()
    frame = picture()
    assert (frame.shape, frame.dtype) == ((48, 64, 3), torch.uint8)
    assert frame.float().mean(dim=(0, 1)).tolist() == pytest.approx([255, 0, 0], abs=2)


def test_grey_images_and_those_with_16_bits_or_transparency_too(images):
    folder = images()
    frame = flat(100).numpy()
    cv2.imwrite(str(folder / "1.png"), frame[..., 0])
    cv2.imwrite(str(folder / "2.png"), frame.astype("uint16") * 257)
    cv2.imwrite(str(folder / "3.png"), cv2.cvtColor(frame, cv2.COLOR_BGR2BGRA))
    assert levels(folder) == [100] * 3
    assert {picture().shape for picture in ImageFolder(folder).pictures()} == {(48, 64, 3)}


def test_other_files_and_hidden_ones_are_left_out(images):
    folder = images(_1__png=10, _2__PNG=20)
    for name in ("notes.txt", "._1.png"):
        (folder / name).write_text("no image")
    assert levels(folder) == [10, 20]


def test_real_images_named_as_in_motchallenge(images):
    folder = images(**{f"_{number:06}__jpg": number for number in range(1, 12)})
    assert levels(folder) == pytest.approx(list(range(1, 12)), abs=1)


def test_the_rate_is_25_or_what_motchallenge_says(images):
    folder = images(_1__png=10)
    assert ImageFolder(folder).probe() == VideoInfo(Fraction(25), 1)
    (folder.parent / "seqinfo.ini").write_text("[Sequence]\nframeRate=7\n")
    assert ImageFolder(folder).probe() == VideoInfo(Fraction(7), 1)


@pytest.mark.parametrize(
    "text", ["frameRate=7", "[Sequence]\nframeRate=0", "[Sequence]\nframeRate=x"]
)
def test_a_broken_rate(images, text):
    folder = images(_1__png=10)
    (folder.parent / "seqinfo.ini").write_text(text)
    error = refusal(ImageFolder(folder).probe)
    assert error.startswith(f"cannot read {folder.parent / 'seqinfo.ini'}: ")
    assert error.endswith(". Mend it or take it away.")


def test_a_folder_without_images(tmp_path):
    assert refusal(ImageFolder(tmp_path).probe) == (
        f"cannot read {tmp_path}: there is no image in it (.bmp, .jpeg, .jpg, .png, .tif, .tiff, "
        ".webp). Name a folder of images, or a video file."
    )


def test_a_folder_that_is_gone(tmp_path):
    folder = tmp_path / "none"
    assert refusal(list, ImageFolder(folder).pictures()) == (
        f"cannot read {folder}: No such file or directory. Name a folder of images."
    )


def before_error(folder):
    frames = []
    error = refusal(frames.extend, (picture() for picture in ImageFolder(folder).pictures()))
    return len(frames), error


def test_an_image_of_another_size(images):
    folder = images(_1__png=10, _2__png=20, _3__png=flat(30, 96, 128))
    assert before_error(folder) == (
        2,
        f"cannot read {folder / '3.png'}: it has 128 x 96 pixels, but the first image, 1.png, has "
        "64 x 48. Scale it, or move it elsewhere.",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_that_is_cut_off(images, kind):
    noise = torch.randint(256, (48, 64, 3), dtype=torch.uint8)
    last = f"2{kind}"
    folder = images(_1__png=10, **{f"_2{kind.replace('.', '__')}": noise})
    content = (folder / last).read_bytes()
    (folder / last).write_bytes(content[: len(content) // 2])
    assert before_error(folder) == (
        1,
        f"cannot read {folder / last}: it is no image, or a broken one. Give a whole image, or "
        "take it away.",
    )


def test_an_empty_image(images):
    folder = images(_1__png=10)
    (folder / "2.png").touch()
    assert before_error(folder) == (
        1,
        f"cannot read {folder / '2.png'}: it is empty. Give a whole image, or take it away.",
    )


def test_an_image_that_is_gone_meanwhile(images):
    folder = images(_1__png=10, _2__png=20)
    pictures = list(ImageFolder(folder).pictures())
    (folder / "2.png").unlink()
    assert refusal(pictures[1]) == (
        f"cannot read {folder / '2.png'}: No such file or directory. Make it readable."
    )
