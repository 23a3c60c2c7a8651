"""Replies, as `tritonclient` reads them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serve.kserve.made import bits, request, tensors
from torchpipe.serve.kserve.request import read_request
from torchpipe.serve.kserve.response import HEADER, Reply, write_reply
from torchpipe.serve.kserve.tensor import Tensor
from torchpipe.serve.refusals import Refusal

tritonclient = pytest.importorskip("tritonclient.http")


def read(reply: Reply) -> tritonclient.InferResult:
    """What the client makes of a reply."""
    size = reply.headers.get(HEADER)
    return tritonclient.InferResult.from_response_body(reply.body, header_length=size)


def asked(**more: object) -> object:
    return read_request(request(**more))


def equal(found: np.ndarray, tensor: Tensor) -> None:
    assert found.shape == tensor.shape
    if isinstance(tensor.data, tuple):
        given = [x.encode() if isinstance(x, str) else x for x in found.ravel().tolist()]
        assert given == list(tensor.data)
    else:
        np.testing.assert_array_equal(found.astype(tensor.data.dtype), tensor.data)


@settings(deadline=None)
@given(tensors(text=True), tensors("y", text=True), st.booleans(), st.booleans())
def test_the_client_reads_what_was_written(x, y, first, second):
    outputs = [
        {"name": "y", "parameters": {"binary_data": second}},
        {"name": "x", "parameters": {"binary_data": first}},
    ]
    result = read(write_reply(asked(outputs=outputs), [x, y], "m", "1"))
    equal(result.as_numpy("x"), x)
    equal(result.as_numpy("y"), y)
    assert [output["name"] for output in result.get_response()["outputs"]] == ["y", "x"]


@settings(deadline=None)
@given(tensors())
def test_what_is_written_binary_reads_back_to_the_last_bit(tensor):
    reply = write_reply(asked(parameters={"binary_data_output": True}), [tensor], "m", "1")
    head = json.loads(reply.body[: int(reply.headers[HEADER])])
    again = json.dumps({"inputs": head["outputs"]}).encode()
    body = again + reply.body[int(reply.headers[HEADER]) :]
    assert bits(read_request(body, str(len(again))).inputs["x"]) == bits(tensor)


def test_json_is_what_comes_when_nothing_is_said():
    reply = write_reply(asked(), [Tensor("y", "INT8", (2,), np.array([1, -2], np.int8))], "m", "1")
    assert json.loads(reply.body) == {
        "model_name": "m",
        "model_version": "1",
        "outputs": [{"name": "y", "datatype": "INT8", "shape": [2], "data": [1, -2]}],
    }
    assert reply.headers == {"Content-Type": "application/json"}


def test_the_id_is_repeated():
    reply = write_reply(asked(id="seven"), [], "m", "1")
    assert json.loads(reply.body)["id"] == "seven"


def test_floats_that_are_not_finite_reach_the_client():
    values = np.array([math.nan, math.inf, -math.inf, 0.1], np.float32)
    reply = write_reply(asked(), [Tensor("y", "FP32", (4,), values)], "m", "1")
    np.testing.assert_array_equal(read(reply).as_numpy("y"), values)


def test_bytes_that_are_no_text_must_be_asked_for_as_binary():
    with pytest.raises(Refusal) as caught:
        write_reply(asked(), [Tensor("y", "BYTES", (1,), (b"\xff",))], "m", "1")
    assert str(caught.value) == (
        "output 'y' is not UTF-8, so JSON cannot hold it: ask for it with \"binary_data\": true."
    )


def test_arrays_of_any_layout_and_byte_order():
    values = np.arange(6, dtype=">i4").reshape(2, 3).T
    wanted = asked(parameters={"binary_data_output": True})
    reply = write_reply(wanted, [Tensor("y", "INT32", (3, 2), values)], "m", "1")
    assert read(reply).as_numpy("y").tolist() == [[0, 3], [1, 4], [2, 5]]
