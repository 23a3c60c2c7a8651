"""Types of ports as JSON, as forms and as bytes; the types that need a codec."""

from __future__ import annotations

import base64
import datetime
import enum
import io
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import numpy as np
import pydantic
import pytest
import torch
from torch import Tensor

import torchpipe as tp
from tests.serve.made import Typed, asking, problem
from torchpipe.errors import UsageError
from torchpipe.serve import Array, app, codec


class Colour(enum.Enum):
    RED = "red"


class Box(NamedTuple):
    left: float
    top: float = 0.0


class Point(TypedDict):
    x: int
    y: NotRequired[int]


@dataclass
class Found:
    boxes: Tensor
    label: str = "none"
    tags: list[str] = field(default_factory=list)


class Pair(NamedTuple):
    image: Tensor
    found: Found


Name = Annotated[str, pydantic.Field(min_length=2)]
Raw = Annotated[bytes, pydantic.Field(max_length=2)]


class Model(pydantic.BaseModel):
    name: str = pydantic.Field(min_length=2)


SAME = [
    (bool, True), (int, 2**70), (float, 0.5), (str, "ä\0"), (bytes, "AP8="), (Colour, "red"),
    (int | None, None), (int | str, "x"), (list[int], [1, 2]), (tuple[int, str], [1, "a"]),
    (dict[str, list[float]], {"a": [1.5]}), (Literal["a", 1], 1), (Point, {"x": 1}),
    (Model, {"name": "Ada"}), (datetime.date, "2026-01-31"), (set[int], [3]),
    (Found, {"boxes": [[1.0]], "label": "x", "tags": []}),
    (list[Found], [{"boxes": [], "label": "none", "tags": ["t"]}]),
    (Tensor, [[1.0, 2.0]]), (Tensor, [1, 2]), (Tensor, [True]), (Tensor, 3.5), (np.ndarray, [[1]]),
    (Annotated[Tensor, Array("uint8", (2,))], [0, 255]), (Pair, {"image": [0.5], "found": {
        "boxes": [1], "label": "y", "tags": []}}),
]  # fmt: skip


def holder(kind: Any) -> Any:
    def hold(x):
        return [x]

    hold.__annotations__ = {"x": kind, "return": list[kind]}
    return hold


@pytest.mark.parametrize(("kind", "value"), SAME)
def test_a_value_goes_in_and_comes_out(kind, value):
    with asking(Typed(holder(kind))) as client:
        reply = client.post("/run", json={"x": value})
        assert (reply.status_code, reply.json()) == (200, {"out": [value]})


def test_fields_that_are_not_sent_are_as_their_class_has_them():
    with asking(Typed(holder(Found))) as client:
        reply = client.post("/run", json={"x": {"boxes": [1.0]}})
        assert reply.json() == {"out": [{"boxes": [1.0], "label": "none", "tags": []}]}


def test_defaults_are_used_and_told():
    def join(a: str, b: str = "b", c: Colour = Colour.RED) -> str:
        return a + b + c.name

    with asking(Typed(join)) as client:
        assert client.post("/run", json={"a": "a"}).json() == {"out": "abRED"}
        told = client.get("/openapi.json").json()["components"]["schemas"]["Inputs"]
        assert told["required"] == ["a"]
        assert told["properties"]["b"]["default"] == "b"


def test_several_outputs_have_their_names():
    def parts(x: int) -> Box:
        return Box(x, 2 * x)

    with asking(Typed(parts)) as client:
        assert client.post("/run", json={"x": 1}).json() == {"left": 1, "top": 2}


def test_arrays_travel_as_base64_bit_by_bit():
    def same(x: Tensor) -> Tensor:
        assert x.dtype is torch.float16
        return x

    data = np.array([np.nan, np.inf, -0.0, 1e-7], "<f2")
    sent = {"dtype": "float16", "shape": [2, 2], "data": base64.b64encode(data).decode()}
    with asking(Typed(same)) as client:
        assert client.post("/run?arrays=base64", json={"x": sent}).json() == {"out": sent}
        assert client.post("/run", json={"x": sent}).json()["out"][0] == ["NaN", "Infinity"]


def test_nan_in_a_result_is_valid_json():
    def bad(x: int) -> float:
        return float("nan")

    with asking(Typed(bad)) as client:
        assert client.post("/run", json={"x": 1}).text == '{"out":"NaN"}'


def png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_a_form_brings_images_arrays_bytes_and_json():
    def shapes(image: np.ndarray, array: Tensor, raw: bytes, box: Box, name: str = "x") -> str:
        return f"{image.shape} {image.dtype} {image.sum()} {array.dtype} {raw!r} {box.top} {name}"

    image = np.arange(24, dtype=np.uint8).reshape(4, 2, 3)
    array = io.BytesIO()
    np.save(array, np.zeros(3, np.int16))
    files = {"image": png(image), "array": array.getvalue(), "raw": b"\0\1"}
    with asking(Typed(shapes)) as client:
        reply = client.post("/run", files=files, data={"box": '{"left": 1}', "name": "[1"})
        assert reply.json() == {"out": "(4, 2, 3) uint8 276 torch.int16 b'\\x00\\x01' 0.0 [1"}
        told = problem(client.post("/run", files=files | {"image": b"GIF89a"}), 422)
        assert told["detail"].startswith("image: the file is no image and no array")


def test_what_pydantic_is_told_of_text_and_bytes_leaves_them_what_they_are_in_a_form():
    def both(name: Name, raw: Raw) -> str:
        return f"{name} {raw!r}"

    with asking(Typed(both)) as client:
        sent = {"data": {"name": "12"}, "files": {"raw": b"{}"}}
        assert client.post("/run", **sent).json() == {"out": "12 b'{}'"}
        problem(client.post("/run", **sent | {"files": {"raw": b"[1]"}}), 422)
        problem(client.post("/run", **sent | {"data": {"name": "1"}}), 422)


def test_a_pickle_is_never_opened():
    class Evil:
        def __reduce__(self):
            return (print, ("opened",))

    file = io.BytesIO()
    np.save(file, np.array([Evil()], object), allow_pickle=True)
    with asking(Typed(holder(np.ndarray))) as client:
        problem(client.post("/run", files={"x": file.getvalue()}), 422)


class Mask:
    def __init__(self, text: str):
        self.text = text


def test_a_type_of_your_own_needs_a_codec():
    def same(x: Mask) -> list[Mask]:
        return [x]

    with pytest.raises(UsageError) as error:
        app(Typed(same))
    assert str(error.value) == (
        "cannot serve Typed.x (Mask): nobody knows how to send Mask. Annotate it with a type that "
        "JSON can hold (numbers, text, lists, tensors, dataclasses ...), or say how the type "
        "travels: torchpipe.serve.codec(Type, encode=..., decode=..., schema=...)."
    )

    def decode(text: Any) -> Mask:
        if not isinstance(text, str):
            raise ValueError("a mask is text")
        return Mask(text)

    codec(Mask, encode=lambda mask: mask.text, decode=decode, schema={"type": "string"})
    with asking(Typed(same)) as client:
        assert client.post("/run", json={"x": "##"}).json() == {"out": ["##"]}
        told = problem(client.post("/run", json={"x": 1}), 422)
        assert told["detail"] == "x: a mask is text"
        schema = client.get("/openapi.json").json()["components"]["schemas"]["Inputs"]
        assert schema["properties"]["x"]["type"] == "string"


def test_a_port_without_a_type_is_an_error_at_start():
    with pytest.raises(UsageError, match=r"^cannot serve Typed.x: it has no type\. Annotate it"):
        app(Typed(lambda x: x))


def test_a_closed_pipeline_cannot_be_served():
    class Closed(tp.Pipeline):
        def build(self):
            return tp.Source([1])()

    with pytest.raises(UsageError) as error:
        app(Closed())
    assert str(error.value) == (
        "cannot serve Closed: its sources start a stream, so there is nothing to send to it. Give "
        "`build` an argument for what a request brings."
    )
