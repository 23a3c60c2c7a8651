"""What a value looks like on the page: pictures, numbers, fields, text."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest
import torch

from torchpipe.dashboard.outputs import drawn, ports
from torchpipe.dashboard.picture import KEPT, encoded, picture_of
from torchpipe.dashboard.seen import seen
from torchpipe.engine.remote.held import Held

Image = pytest.importorskip("PIL.Image")


def decoded(address: str) -> np.ndarray:
    """The pixels of a data address, as a browser reads them."""
    kind, _, data = address.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))))


def ramp(*shape: int) -> np.ndarray:
    return (np.arange(np.prod(shape)) % 251).astype(np.uint8).reshape(shape)


@pytest.mark.parametrize("shape", [(9, 12, 3), (9, 12, 4)])
def test_an_image_reaches_the_browser_as_it_is(shape):
    assert np.array_equal(decoded(encoded(picture_of(ramp(*shape)))), ramp(*shape))


@pytest.mark.parametrize("shape", [(9, 12), (9, 12, 1)])
def test_shades_of_grey_are_shown_in_three_channels(shape):
    pixels = decoded(encoded(picture_of(ramp(*shape))))
    assert np.array_equal(pixels, np.repeat(ramp(9, 12, 1), 3, axis=2))


def test_a_mask_is_black_and_white():
    mask = np.eye(9, dtype=bool)
    assert np.array_equal(decoded(encoded(picture_of(mask)))[..., 0], np.eye(9) * 255)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_tensor_of_zeros_to_ones_is_a_picture(dtype):
    tensor = torch.zeros(3, 9, 12, dtype=dtype)
    tensor[0, 4, 5] = 1.0
    pixels = decoded(encoded(picture_of(tensor)))
    assert pixels.shape == (9, 12, 3)
    assert [*pixels[4, 5]] == [255, 0, 0]
    assert pixels.sum() == 255


def test_other_numbers_are_spread_over_all_shades():
    array = np.linspace(-2.0, 2.0, 3 * 9 * 12, dtype=np.float32).reshape(3, 9, 12)
    pixels = decoded(encoded(picture_of(array)))
    assert (pixels.min(), pixels.max()) == (0, 255)


def test_of_a_batch_the_first_is_shown():
    batch = torch.stack([torch.full((3, 9, 12), 1.0), torch.zeros(3, 9, 12)])
    assert (decoded(encoded(picture_of(batch))) == 255).all()


def test_a_picture_is_scaled_down_to_means():
    image = np.zeros((100, 1280, 3), np.uint8)
    image[:, ::2] = 200
    pixels = decoded(encoded(picture_of(image)))
    assert pixels.shape == (50, 640, 3)
    assert (pixels == 100).all()


def test_no_more_pixels_are_kept_than_are_needed():
    kept = picture_of(np.zeros((4000, 4000, 3), np.uint8))
    assert kept.shape[0] * kept.shape[1] <= KEPT


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((9, 9), np.float32),
        np.zeros((9, 9, 2), np.uint8),
        torch.zeros(3),
        torch.tensor(1.0),
        torch.zeros(0, 3, 9, 9),
    ],
)
def test_other_arrays_are_no_pictures(array):
    assert picture_of(array) is None


def test_what_is_shown_of_a_picture_is_a_copy():
    image = np.zeros((9, 9, 3), np.uint8)
    found = seen(image)
    image[:] = 255
    assert (found["picture"] == 0).all()


def test_a_tensor_is_told_by_its_numbers():
    assert seen(torch.arange(10.0).requires_grad_()) == {
        "type": "Tensor",
        "shape": [10],
        "dtype": "float32",
        "device": "cpu",
        "min": "0",
        "mean": "4.5",
        "max": "9",
        "first": ["0", "1", "2", "3", "4", "5", "6", "7"],
        "every": 1,
        "picture": None,
    }


def test_an_empty_array_has_a_shape_only():
    assert seen(np.zeros((0, 4)))["shape"] == [0, 4]
    assert "min" not in seen(np.zeros((0, 4)))


def test_large_arrays_are_sampled():
    assert seen(np.zeros(2_500_000))["every"] == 3


@pytest.mark.parametrize("array", [np.array(["a", "b"]), np.array([1 + 2j])])
def test_arrays_of_other_things_have_no_limits(array):
    assert "min" not in seen(array)
    assert len(seen(array)["first"]) == len(array)


class Boxes(NamedTuple):
    xyxy: np.ndarray
    label: str


@dataclass
class Track:
    number: int
    boxes: Boxes


def test_records_are_told_by_field():
    found = seen(Track(7, Boxes(np.zeros((2, 4)), "car")))
    assert found["type"] == "Track"
    number, boxes = found["fields"]
    assert number == {"name": "number", "type": "int", "text": "7"}
    assert [field["name"] for field in boxes["fields"]] == ["xyxy", "label"]
    assert boxes["fields"][0]["shape"] == [2, 4]


def test_lists_of_records_are_told_by_item():
    found = seen([Track(1, Boxes(np.zeros(1), ""))] * 9)
    assert [field["name"] for field in found["fields"]] == [f"[{n}]" for n in range(6)]
    assert found["more"] == 3


def test_records_that_hold_themselves_end():
    endless: dict[str, object] = {}
    endless["self"] = endless
    assert "text" in seen(endless)["fields"][0]["fields"][0]["fields"][0]


@pytest.mark.parametrize("value", ["x" * 1000, ["y" * 1000] * 100, b"z" * 5000, 10**2000])
def test_other_values_are_shortened(value):
    assert len(seen(value)["text"]) <= 300


def test_a_value_that_cannot_be_printed_is_told_as_such():
    class Bad:
        def __repr__(self) -> str:
            raise ValueError("no words")

    assert "no words" in seen({"a": Bad()})["fields"][0]["text"] or "Bad" in str(seen(Bad()))


def test_what_stays_elsewhere_is_told_as_such():
    assert "another machine" in seen(Held(b"", ()))["text"]


def test_each_port_is_told():
    found = drawn(ports(["image", "count"], (np.zeros((9, 9, 3), np.uint8), 3)))
    assert [port["name"] for port in found] == ["image", "count"]
    assert found[0]["picture"].startswith("data:image/png;base64,")
    assert found[1]["text"] == "3"
