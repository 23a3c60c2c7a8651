"""`tritonclient`, unmodified, sync and aio."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import threading
import zlib
from itertools import product
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import httpx
import numpy as np
import pytest
import torch

import torchpipe as tp
from tests.engine.made import happens
from torchpipe.serve import Array

triton = pytest.importorskip("tritonclient.http")
aio = pytest.importorskip("tritonclient.http.aio")
ml_dtypes = pytest.importorskip("ml_dtypes")

from tritonclient.utils import InferenceServerException, np_to_triton_dtype  # noqa: E402


class Point(NamedTuple):
    x: int
    y: float


class Two(NamedTuple):
    same: torch.Tensor
    text: bytes


@tp.cell
def both(array: torch.Tensor, text: bytes) -> Two:
    return Two(array, text)


class Both(tp.Pipeline):
    """Gives back a tensor and some bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.both = tp.ScaleUp(both, clones=2)

    def build(self, array: torch.Tensor, text: bytes):
        return self.both(array, text)


ARRAY = np.array([[1.5, -2.0, np.nan], [np.inf, 0.0, 3.0]], np.float32)
TEXT = b"\0\xff a"


def inputs_for(binary: bool, text: bytes) -> list[Any]:
    array = triton.InferInput("array", [2, 3], "FP32")
    array.set_data_from_numpy(ARRAY, binary_data=binary)
    data = triton.InferInput("text", [1], "BYTES")
    data.set_data_from_numpy(np.array([text], object), binary_data=binary)
    return [array, data]


def outputs_for(mode: str) -> list[Any] | None:
    if mode == "none":
        return None
    names = ("same", "text")
    return [triton.InferRequestedOutput(name, binary_data=mode == "binary") for name in names]


def asked(clients: str, address: str, **arguments: Any) -> Any:
    """What the client gives for a request."""
    if clients == "sync":
        with triton.InferenceServerClient(address) as client:
            return client.infer("Both", **arguments)

    async def ask() -> Any:
        async with aio.InferenceServerClient(address) as client:
            return await client.infer("Both", **arguments)

    return asyncio.run(ask())


MODES = ("none", "binary", "json")
COMPRESSIONS = (None, "gzip", "deflate")


@pytest.fixture
def address(serve):
    return serve(Both(), max_body=1_000_000)


@pytest.mark.parametrize("clients", ["sync", "aio"])
def test_the_matrix(address, clients):
    for binary, mode, compression in product((True, False), MODES, COMPRESSIONS):
        text = TEXT if binary and mode != "json" else b"\0 a"  # JSON holds text only
        result = asked(
            clients,
            address,
            inputs=inputs_for(binary, text),
            outputs=outputs_for(mode),
            request_id="request 7",
            request_compression_algorithm=compression,
            response_compression_algorithm=compression,
        )
        np.testing.assert_array_equal(result.as_numpy("same"), ARRAY)
        (found,) = result.as_numpy("text")
        assert (found.encode() if isinstance(found, str) else found) == text
        assert result.get_response()["id"] == "request 7"
        assert result.get_response()["model_name"] == "Both"


DTYPES = [
    bool, np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64,
    np.float16, np.float32, np.float64,
]  # fmt: skip


def extremes(dtype: Any) -> np.ndarray:
    """The smallest and the largest numbers of a dtype."""
    if dtype is bool:
        return np.array([False, True])
    info = np.finfo(dtype) if np.dtype(dtype).kind == "f" else np.iinfo(dtype)
    return np.array([info.min, 0, 1, info.max], dtype)


def test_every_numeric_dtype(address):
    for dtype, binary in product(DTYPES, (True, False)):
        given = extremes(dtype)
        datatype = np_to_triton_dtype(given.dtype)
        array = triton.InferInput("array", list(given.shape), datatype)
        array.set_data_from_numpy(given, binary_data=binary)
        found = asked(
            "sync",
            address,
            inputs=[array, inputs_for(True, b"")[1]],
            outputs=outputs_for("binary" if binary else "json"),
        ).as_numpy("same")
        assert found.dtype == given.dtype
        np.testing.assert_array_equal(found, given)


class Halves(tp.Pipeline):
    def build(self, x: torch.Tensor):
        @tp.cell
        def half(x: torch.Tensor) -> torch.Tensor:
            return (x / 2).to(torch.bfloat16)

        return half(x)


def test_bf16(serve):
    given = np.array([1.0, -3.0, np.inf], ml_dtypes.bfloat16)
    x = triton.InferInput("x", [3], "BF16")
    x.set_data_from_numpy(given)
    with triton.InferenceServerClient(serve(Halves())) as client:
        found = client.infer("Halves", [x]).as_numpy("out")
    assert found.dtype == ml_dtypes.bfloat16
    assert found.tolist() == [0.5, -1.5, np.inf]


def test_what_the_server_says_of_itself(address):
    with triton.InferenceServerClient(address) as client:
        assert client.is_server_live()
        assert client.is_server_ready()
        assert client.is_model_ready("Both")
        assert client.is_model_ready("Both", "1")
        assert not client.is_model_ready("Other")
        assert client.get_server_metadata()["name"] == "torchpipe"
        metadata = client.get_model_metadata("Both", "1")
        assert metadata["inputs"] == [
            {"name": "array", "datatype": "FP32", "shape": [-1]},
            {"name": "text", "datatype": "BYTES", "shape": [1]},
        ]
        config = client.get_model_config("Both")
        assert config["output"][1] == {"name": "text", "data_type": "TYPE_STRING", "dims": [1]}
        assert client.get_model_repository_index() == [
            {"name": "Both", "version": "1", "state": "READY", "reason": ""}
        ]


def test_statistics_count_requests(serve):
    address = serve(Both())
    with triton.InferenceServerClient(address) as client:
        client.infer("Both", inputs_for(True, b""))
        with pytest.raises(InferenceServerException):
            client.infer("Both", inputs_for(True, b"")[:1])
        for found in (client.get_inference_statistics(), client.get_inference_statistics("Both")):
            (told,) = found["model_stats"]
            assert told["inference_count"] == 1
            assert told["inference_stats"]["success"]["count"] == 1
            assert told["inference_stats"]["fail"]["count"] == 1


def test_async_infer_of_the_sync_client(address):
    with triton.InferenceServerClient(address, concurrency=4) as client:
        replies = [
            client.async_infer("Both", inputs_for(True, b"%d" % n), request_id=str(n))
            for n in range(20)
        ]
        for number, reply in enumerate(replies):
            result = reply.get_result()
            assert result.as_numpy("text").tolist() == [b"%d" % number]
            assert result.get_response()["id"] == str(number)


# -- what is refused


def refusal(address: str, model: str = "Both", **arguments: Any) -> tuple[str, str]:
    """The status and the text that the client gets."""
    arguments.setdefault("inputs", inputs_for(True, TEXT))
    client = triton.InferenceServerClient(address)
    with client, pytest.raises(InferenceServerException) as caught:
        client.infer(model, **arguments)
    return caught.value.status(), caught.value.message()


def one(name: str, array: np.ndarray, datatype: str) -> list[Any]:
    """The inputs, with one of them replaced."""
    made = triton.InferInput(name, list(array.shape), datatype)
    made.set_data_from_numpy(array)
    return [made if given.name() == name else given for given in inputs_for(True, TEXT)]


def test_404(address):
    assert refusal(address, "Other") == ("404", "there is no model 'Other'; there is: Both.")
    text = "there is no version '2' of Both; there is: 1."
    assert refusal(address, model_version="2") == ("404", text)


def additional() -> list[Any]:
    """The inputs, and one more."""
    more = triton.InferInput("more", [1], "BOOL")
    more.set_data_from_numpy(np.array([True]))
    return [*inputs_for(True, TEXT), more]


def wanted(name: str, **how: Any) -> list[Any]:
    """The output of this name only."""
    return [triton.InferRequestedOutput(name, **how)]


WRONG_INPUTS = [
    (lambda: inputs_for(True, TEXT)[:1], "input 'text' is missing: send it (BYTES, shape [1])."),
    (additional, "there is no input 'more'; there are: array, text."),
    (
        lambda: one("text", np.array([1], np.int8), "INT8"),
        "input 'text' (INT8, shape [1]): its datatype must be BYTES.",
    ),
    (
        lambda: one("text", np.array([b"a", b"b"], object), "BYTES"),
        "input 'text' (BYTES, shape [2]): its shape must be [1].",
    ),
]


@pytest.mark.parametrize(("inputs", "text"), WRONG_INPUTS)
def test_wrong_inputs_are_400(address, inputs, text):
    assert refusal(address, inputs=inputs()) == ("400", text)


def test_wrong_outputs_are_400(address):
    assert refusal(address, outputs=wanted("other")) == (
        "400",
        "there is no output 'other'; there are: same, text.",
    )
    assert refusal(address, outputs=wanted("text", binary_data=False)) == (
        "400",
        "output 'text' is not UTF-8, so JSON cannot hold it: ask for it with "
        '"binary_data": true.',
    )
    status, text = refusal(address, outputs=wanted("same", class_count=2))
    assert status == "400"
    assert "classification" in text


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_a_bomb_is_413(address, encoding):
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    headers = {"Content-Encoding": encoding}
    url = f"http://{address}/v2/models/Both/infer"
    reply = httpx.post(url, content=pack(bytes(50_000_000)), headers=headers)
    assert reply.status_code == 413
    text = "the body is larger than 1,000,000 bytes when it is decompressed."
    assert reply.json()["error"] == text


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v2/models/Both/infer", 405),
        ("POST", "/v2/models/Both", 405),
        ("GET", "/v2/nothing", 404),
        ("POST", "/v2/repository/models/Both/load", 404),
        ("GET", "/v2/models/a%2Fb/ready", 404),
        ("POST", "/v2/models/Both/infer", 400),
    ],
)
def test_every_error_has_the_field_that_clients_read(address, method, path, status):
    reply = httpx.request(method, f"http://{address}{path}")
    assert reply.status_code == status
    assert reply.json()["error"]


class Scalars(tp.Pipeline):
    def build(
        self,
        flag: bool,
        count: int,
        share: float,
        name: str,
        point: Point,
        image: Annotated[np.ndarray, Array("uint8", (None, 2))],
        more: int = 7,
    ):
        @tp.cell
        def told(flag, count, share, name, point, image, more) -> dict[str, Any]:
            types = [type(value).__name__ for value in (flag, count, share, name, point, image)]
            return {"types": types, "more": more, "sum": int(image.sum()), "x": point.x}

        return told(flag, count, share, name, point, image, more)


def scalars(**changes: Any) -> bytes:
    """A request to `Scalars`."""
    given = {
        "flag": ("BOOL", [1], [True]),
        "count": ("UINT8", [1], [3]),
        "share": ("INT32", [], [4]),
        "name": ("BYTES", [1], ["ß"]),
        "point": ("BYTES", [1], ['{"x": 1, "y": 2}']),
        "image": ("UINT8", [2, 2], [1, 2, 3, 4]),
        **changes,
    }
    inputs = [
        {"name": name, "datatype": datatype, "shape": shape, "data": data}
        for name, (datatype, shape, data) in given.items()
    ]
    return json.dumps({"inputs": inputs}).encode()


@pytest.fixture
def scalar_address(serve) -> str:
    return serve(Scalars())


def infer_scalars(address: str, body: bytes) -> httpx.Response:
    return httpx.post(f"http://{address}/v2/models/Scalars/infer", content=body)


def test_values_that_are_no_tensors_are_described_as_tensors(scalar_address):
    with triton.InferenceServerClient(scalar_address) as client:
        kinds = [
            (kind["name"], kind["datatype"], kind["shape"])
            for kind in client.get_model_metadata("Scalars")["inputs"]
        ]
    assert kinds == [
        ("flag", "BOOL", [1]),
        ("count", "INT64", [1]),
        ("share", "FP64", [1]),
        ("name", "BYTES", [1]),
        ("point", "BYTES", [1]),
        ("image", "UINT8", [-1, 2]),
        ("more", "INT64", [1]),
    ]


def test_values_that_are_no_tensors_travel_as_tensors(scalar_address):
    (told,) = infer_scalars(scalar_address, scalars()).json()["outputs"]
    assert (told["datatype"], told["shape"]) == ("BYTES", [1])
    assert json.loads(told["data"][0]) == {
        "types": ["bool", "int", "float", "str", "Point", "ndarray"],
        "more": 7,
        "sum": 10,
        "x": 1,
    }


WRONG_SCALARS = [
    ({"flag": ("INT8", [1], [1])}, "input 'flag' (INT8, shape [1]): its datatype must be BOOL."),
    ({"count": ("INT8", [2], [1, 2])}, "input 'count' (INT8, shape [2]): its shape must be [1]."),
    ({"point": ("BYTES", [1], ['{"x": 1}'])}, "input 'point' (BYTES, shape [1]): Field required."),
    (
        {"image": ("UINT8", [4, 1], [1, 2, 3, 4])},
        "input 'image' (UINT8, shape [4, 1]): its shape is (4, 1), and (any, 2) is expected.",
    ),
]


def test_tensors_that_stand_for_no_value_are_refused(scalar_address):
    for changes, text in WRONG_SCALARS:
        reply = infer_scalars(scalar_address, scalars(**changes))
        assert (reply.status_code, reply.json()["error"]) == (400, text)


def test_a_cell_that_fails_is_named(serve):
    class Fails(tp.Pipeline):
        def build(self, x: int):
            @tp.cell
            def bad(x: int) -> int:
                raise ValueError("secret")

            return bad(x)

    body = {"inputs": [{"name": "x", "datatype": "INT64", "shape": [1], "data": [1]}]}
    reply = httpx.post(f"http://{serve(Fails())}/v2/models/Fails/infer", json=body)
    assert reply.status_code == 500
    assert "'bad' failed" in reply.json()["error"]
    assert "secret" not in reply.text


def test_a_timeout_in_the_parameters_is_a_deadline(serve):

    done = threading.Event()

    class Slow(tp.Pipeline):
        def build(self, x: int):
            @tp.cell
            def wait(x: int) -> int:
                happens(done)
                return x

            self.wait = tp.ScaleUp(wait, clones=1)
            return self.wait(x)

    x = triton.InferInput("x", [1], "INT64")
    x.set_data_from_numpy(np.array([1]))
    try:
        status, text = refusal(serve(Slow()), "Slow", inputs=[x], timeout=1000)
    finally:
        done.set()
    assert status == "504"
    assert text == "there was no result within 0.001 s, and the item was dropped."


def test_the_example_of_the_documentation(serve, capsys):
    class Classify(tp.Pipeline):
        def build(self, image: torch.Tensor):
            @tp.cell
            def label(image: torch.Tensor) -> torch.Tensor:
                return image.flatten(1).argmax(1)

            return {"label": label(image)}

    page = (Path(__file__).parents[3] / "docs" / "serving.md").read_text()
    blocks = re.findall(r"```py\n(.*?)```", page, re.S)
    (block,) = [block for block in blocks if "tritonclient" in block]
    exec(block.replace("127.0.0.1:8000", serve(Classify())))  # noqa: S102 - our own documentation
    assert "'Classify'" in capsys.readouterr().out
