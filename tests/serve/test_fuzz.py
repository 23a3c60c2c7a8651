"""Whatever is sent, it is understood or refused: never an error of the service, nor its memory."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Annotated, Any

import httpx
import numpy as np
import pytest
import torch
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosedError
from websockets.sync.client import connect

from tests.fuzzing import damaged, fuzz, fuzzed, nested
from tests.serve.made import Typed, asking, problem, serving
from torchpipe.serve import Array
from torchpipe.serve.arrays import read_array
from torchpipe.serve.reading import array_in
from torchpipe.serve.refusals import BadInput

PLAIN = {"Content-Type": "application/json"}


def everything(
    tensor: torch.Tensor = torch.zeros(1),  # noqa: B008 - nobody writes into it
    array: np.ndarray = np.zeros(1),  # noqa: B008
    exact: Annotated[torch.Tensor, Array("int64")] = torch.zeros(1, dtype=torch.int64),  # noqa: B008
    number: int = 0,
    several: list[int] = [],  # noqa: B006
    named: dict[str, float] = {},  # noqa: B006
    text: str = "",
) -> list[int]:
    return exact.flatten().tolist()[:1]


def one_by_one(
    tensor: torch.Tensor = torch.zeros(1),  # noqa: B008
    array: np.ndarray = np.zeros(1),  # noqa: B008
    exact: Annotated[torch.Tensor, Array("int64")] = torch.zeros(1, dtype=torch.int64),  # noqa: B008
    number: int = 0,
    several: list[int] = [],  # noqa: B006
    named: dict[str, float] = {},  # noqa: B006
    text: str = "",
) -> Iterator[int]:
    yield from exact.flatten().tolist()[:3]


VALUES = {
    "tensor": [[1, 2.5]],
    "array": {"dtype": "float32", "shape": [1], "data": "AACAPw=="},
    "exact": [3],
    "number": 4,
    "several": [5],
    "named": {"a": 0.5},
    "text": "ä",
}
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3),
    st.sampled_from((2**63, -(2**63), 2.0**63, 10**400, 1e308, 1e22, "float32", "AACAPw==")),
)  # fmt: skip
TREES = st.recursive(
    LEAVES,
    lambda parts: st.one_of(
        st.lists(parts, max_size=3),
        st.dictionaries(st.sampled_from(("dtype", "shape", "data", "a")), parts, max_size=3),
    ),
    max_leaves=6,
)
BODIES = st.one_of(
    damaged(json.dumps(VALUES).encode()),
    st.dictionaries(st.sampled_from([*VALUES, "other"]), TREES, max_size=3)
    .map(json.dumps)
    .map(str.encode),
    nested('{"tensor": 1}', "[", "]").map(str.encode),
    nested("1", "[", "]").map(lambda text: f'{{"tensor": {text}}}'.encode()),
)


@pytest.fixture
def client():
    with asking(Typed(everything)) as client:
        client.timeout = 30.0
        yield client


def understood_or_refused(reply: httpx.Response) -> None:
    if reply.status_code != 200:
        assert 400 <= reply.status_code < 500, reply.text
        problem(reply, reply.status_code)


@fuzzed
@pytest.mark.parametrize(
    ("function", "path"),
    [
        *((everything, path) for path in ("/run", "/run-batch", "/parameters", "/scale")),
        *((one_by_one, path) for path in ("/run", "/run-batch", "/stream")),
    ],
)
def test_json(examples, function, path):
    def check(body: bytes) -> None:
        if path == "/run-batch":
            body = b'{"items":[' + body + b"]}"
        method = "PATCH" if path == "/parameters" else "POST"
        reply = client.request(method, path, content=body, headers=PLAIN)
        understood_or_refused(reply)
        if path == "/stream" and reply.status_code == 200:
            assert reply.text.endswith("event: end\ndata: {}\n\n")

    with asking(Typed(function)) as client:
        client.timeout = 30.0
        fuzz(examples, BODIES, check)


@fuzzed
@pytest.mark.parametrize(("function", "last"), [(everything, "outputs"), (one_by_one, "end")])
def test_messages(examples, function, last):
    with (
        serving(Typed(function)) as live,
        connect(f"ws{live.url.removeprefix('http')}/session", open_timeout=30) as socket,
    ):

        def check(body: bytes) -> None:
            socket.send(body, text=False)
            while not {last, "problem"} & (told := json.loads(socket.recv(30))).keys():
                assert told.keys() == {"outputs"}
            assert last in told or told["problem"]["status"] == 422

        fuzz(examples, BODIES.filter(lambda body: len(body) < 100_000), check)


def saved(array: np.ndarray, **options: Any) -> bytes:
    file = io.BytesIO()
    np.save(file, array, **options)
    return file.getvalue()


def drawn(kind: str) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.arange(6 * 8 * 3, dtype=np.uint8).reshape(6, 8, 3)).save(file, kind)
    return file.getvalue()


KINDS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "PPM")
DTYPES = ("f4", ">f4", "U3", "S0", "M8[s]", "g", "c8", "O", "f4,i2", "V0", "?")
ARRAYS = st.sampled_from([saved(np.zeros(3, dtype)) for dtype in DTYPES])
FILES = st.one_of(
    ARRAYS,
    ARRAYS.flatmap(damaged),
    st.sampled_from(KINDS).map(drawn).flatmap(damaged),
    st.binary(max_size=30),
)


@fuzzed
@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, of damage that it could live with
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_files(examples, client):
    def check(data: bytes) -> None:
        for name in ("tensor", "array"):
            understood_or_refused(client.post("/run", files={name: ("file", data)}))

    fuzz(examples, FILES, check)


@pytest.mark.parametrize("kind", KINDS)
def test_a_sound_image_is_read(kind):
    assert array_in("x", drawn(kind), 1000).shape == (6, 8, 3)


@pytest.mark.parametrize("dtype", ["f4", ">f4", "?", ">i2"])
def test_an_array_of_numbers_arrives_in_the_order_of_this_machine(dtype):
    found = array_in("x", saved(np.ones(3, dtype)), 1000)
    assert found.tolist() == [1, 1, 1]
    assert found.dtype.isnative


@pytest.mark.parametrize("dtype", ["U3", "S0", "M8[s]", "g", "c8", "f4,i2", "V0"])
def test_an_array_of_something_else_is_refused(dtype):
    with pytest.raises(BadInput):
        array_in("x", saved(np.zeros(3, dtype)), 1000)


def test_an_array_of_objects_is_never_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path / "sprung").touch, ()

    with pytest.raises(BadInput):
        array_in("x", saved(np.array([Trap()]), allow_pickle=True), 1000)
    assert not (tmp_path / "sprung").exists()


def test_what_runs_a_program_is_no_image():
    postscript = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\nshowpage\n"
    with pytest.raises(BadInput):
        array_in("x", postscript, 1000)


def test_an_image_has_no_more_bytes_of_pixels_than_a_body_may_have():
    assert array_in("x", drawn("PNG"), 144).nbytes == 144
    with pytest.raises(BadInput):
        array_in("x", drawn("PNG"), 143)


# -- small bodies that took minutes, or gigabytes


def test_many_wrong_things_are_counted(client):
    many = {f"x{number}": 1 for number in range(100_000)}
    told = problem(client.post("/run", json=many), 422)
    assert told["detail"] == (
        "100,000 things are wrong with it, too many to name. Send what /openapi.json describes."
    )


def test_a_list_is_read_up_to_its_first_error(client):
    told = problem(client.post("/run", json={"several": ["a"] * 100_000}), 422)
    assert [one["at"] for one in told["errors"]] == ["several.0"]


def test_too_many_items_are_not_looked_at(client):
    told = problem(client.post("/run-batch", json={"items": [1] * 100_000}), 422)
    assert len(told["errors"]) == 1


def test_a_body_with_too_many_names(client):
    body = b'{"named":{' + b'"":1,' * 1_000_001 + b'"":1}}'
    told = problem(client.post("/run", content=body, headers=PLAIN), 413)
    text = (
        "the body may have more than 1,000,000 names, as it has more colons. Send fewer at a time."
    )
    assert told["detail"] == text


def test_large_floats_do_not_become_integers(client):
    assert client.post("/run", json={"number": 3.0, "several": [4.0]}).status_code == 200
    problem(client.post("/run", json={"number": 1e308}), 422)


def test_a_number_that_the_dtype_cannot_hold_is_refused(client):
    assert client.post("/run", json={"exact": [2.0**62]}).json() == {"out": [2**62]}
    problem(client.post("/run", json={"exact": [2.0**63]}), 422)


@pytest.mark.parametrize(
    ("dtype", "number"), [("float32", -3.402823466385289e38), ("int64", 2.0**63)]
)
def test_a_number_just_beyond_a_dtype(dtype, number):
    with pytest.raises(ValueError, match="it has numbers that"):
        read_array([number, 0.0], dtype)


def test_a_message_has_no_more_bytes_than_a_body_may_have():
    with (
        serving(Typed(everything), max_body=1000) as live,
        connect(f"ws{live.url.removeprefix('http')}/session", open_timeout=30) as socket,
    ):
        socket.send(json.dumps({"text": "a" * 900}))
        assert json.loads(socket.recv(30)) == {"outputs": {"out": [0]}}
        socket.send(json.dumps({"text": "a" * 1000}))
        with pytest.raises(ConnectionClosedError) as caught:
            socket.recv(30)
        assert caught.value.rcvd.code == 1009
