"""Requests: what is read from their bytes, and what is refused, with its text."""

from __future__ import annotations

import json
import math
import struct
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serve.kserve.made import NUMERIC, bits, body_of, request, tensors
from torchpipe.serve.kserve.parameters import Sequence
from torchpipe.serve.kserve.request import read_request
from torchpipe.serve.kserve.tensor import Tensor
from torchpipe.serve.refusals import Refusal


@settings(deadline=None)
@given(st.data())
def test_binary_tensors_arrive_to_the_last_bit(data):
    sent = [data.draw(tensors(name)) for name in ("a", "b", "c")]
    body, header = body_of(sent, [True] * 3)
    found = read_request(body, header).inputs
    assert [bits(tensor) for tensor in found.values()] == [bits(tensor) for tensor in sent]
    assert list(found) == ["a", "b", "c"]


@settings(deadline=None)
@given(st.data(), st.lists(st.booleans(), min_size=3, max_size=3))
def test_json_and_binary_mix_and_mean_the_same(data, binary):
    sent = [data.draw(tensors(name, text=True)) for name in ("a", "b", "c")]
    found = read_request(*body_of(sent, binary)).inputs
    for tensor in sent:
        arrived = found[tensor.name].data
        if isinstance(tensor.data, tuple):
            assert arrived == tensor.data
        else:
            np.testing.assert_array_equal(arrived, tensor.data)  # JSON has one NaN only


@pytest.mark.parametrize("datatype", NUMERIC)
def test_arrays_are_native_writable_and_their_own(datatype):
    sent = Tensor("x", datatype, (2,), np.array([0, 1], np.float32))
    body, header = body_of([sent], [True])
    data = read_request(body, header).inputs["x"].data
    assert data.flags.writeable
    assert data.flags.aligned
    assert data.dtype.isnative
    assert not np.shares_memory(data, np.frombuffer(body, np.uint8))


def test_bytes_with_nul_and_ff():
    sent = Tensor("x", "BYTES", (2, 2), (b"\0", b"\xff\xfe", b"", b"a\0b"))
    assert read_request(*body_of([sent], [True])).inputs["x"] == sent


def test_nested_data():
    nested = request(shape=[2, 2, 1], data=[[[1], [2]], [[3], [4]]])
    found = read_request(nested).inputs["x"].data
    assert found.tolist() == [[[1.0], [2.0]], [[3.0], [4.0]]]
    empty = request(shape=[2, 0], data=[[], []])
    assert read_request(empty).inputs["x"].data.shape == (2, 0)


def test_floats_that_are_not_finite():
    found = read_request(request(shape=[3], data=[math.nan, math.inf, -math.inf]))
    np.testing.assert_array_equal(found.inputs["x"].data, [math.nan, math.inf, -math.inf])


def test_what_is_not_said_has_a_default():
    found = read_request(request())
    assert (found.id, found.outputs, found.parameters.sequence) == (None, None, None)
    assert (found.parameters.timeout, found.parameters.binary) == (None, False)
    assert read_request(request(id="", outputs=[])).outputs is None


def test_everything_that_can_be_said():
    said = {
        "sequence_id": 7,
        "sequence_start": True,
        "sequence_end": False,
        "timeout": 1_500_000,
        "priority": 2,
        "binary_data_output": True,
        "mine": "yes",
    }
    outputs = [{"name": "y"}, {"name": "z", "parameters": {"binary_data": False}}]
    found = read_request(request(id="42", parameters=said, outputs=outputs))
    assert found.id == "42"
    assert found.outputs == {"y": True, "z": False}
    assert found.parameters.sequence == Sequence(7, start=True, end=False)
    assert found.parameters.timeout == 1.5
    assert found.parameters.others == {"priority": 2, "mine": "yes"}


def test_a_sequence_may_be_called_by_text():
    found = read_request(request(parameters={"sequence_id": "camera 1", "sequence_end": True}))
    assert found.parameters.sequence == Sequence("camera 1", end=True)


LONG = 10**400

REFUSED = [
    (request(inputs=None), "inputs must be an array, not None."),
    (request(inputs=[1]), "inputs[0] must be an object, not 1."),
    (request(inputs={"a": 1}), "inputs must be an array, not an object of 1."),
    (request(id=7), "id must be text, not 7."),
    (request(name=None), "inputs[0].name must be text, and not empty, not None."),
    (request(name=""), "inputs[0].name must be text, and not empty, not ''."),
    (
        request(datatype="FP8"),
        "inputs[0].datatype must be one of BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, "
        "INT32, INT64, FP16, BF16, FP32, FP64, BYTES, not 'FP8'.",
    ),
    (request(shape=2), "inputs[0].shape must be an array of integers from 0, not 2."),
    (
        request(shape=[-1]),
        "inputs[0].shape must be an array of integers from 0, not an array of 1.",
    ),
    (
        request(shape=[True, 2]),
        "inputs[0].shape must be an array of integers from 0, not an array of 2.",
    ),
    (request(shape=[1] * 33), "inputs[0].shape has 33 dimensions, and 32 are the most."),
    (
        request(shape=[2**62, 0]),
        "inputs[0].shape is larger than any memory: send what was meant.",
    ),
    (request(shape=[LONG]), "inputs[0].shape is larger than any memory: send what was meant."),
    (request(shape=[3]), "inputs[0].data has 2 elements, and shape [3] takes 3."),
    (request(data=None), "inputs[0].data must be an array, not None."),
    (request(data="ab"), "inputs[0].data must be an array, not 'ab'."),
    (
        request(data=[[1], [2]]),
        "inputs[0].data is nested deeper than its shape [2] is.",
    ),
    (
        request(shape=[2, 2], data=[[1, 2], [3]]),
        "inputs[0].data is nested, and one of its parts is an array of 1 where its shape says an "
        "array of 2.",
    ),
    (
        request(shape=[2, 1], data=[[1], 2]),
        "inputs[0].data is nested, and one of its parts is 2 where its shape says an array of 1.",
    ),
    (request(data=["1", 2]), "inputs[0].data has '1': FP32 is written as numbers."),
    (request(data=[None, 2]), "inputs[0].data has None: FP32 is written as numbers."),
    (request(data=[True, 2]), "inputs[0].data has True: FP32 is written as numbers."),
    (request(data=[1e39, 2]), "inputs[0].data has 1e+39, which is out of range for FP32."),
    (
        request(data=[LONG, 2]),
        "inputs[0].data has an integer of more than 64 bits, which is out of range for FP32.",
    ),
    (
        request(datatype="FP16", data=[65520, 1]),
        "inputs[0].data has 65520.0, which is out of range for FP16.",
    ),
    (
        request(datatype="BF16", data=[3.4e38, 1]),
        "inputs[0].data has 3.4e+38, which is out of range for BF16.",
    ),
    (
        request(datatype="INT8", data=[1, 128]),
        "inputs[0].data has 128, which is out of range for INT8.",
    ),
    (
        request(datatype="UINT64", data=[-1, 2**64 - 1]),
        "inputs[0].data has -1, which is out of range for UINT64.",
    ),
    (
        request(datatype="INT64", data=[LONG, 1]),
        "inputs[0].data has an integer of more than 64 bits, which is out of range for INT64.",
    ),
    (
        request(datatype="INT8", data=[1.0, 2]),
        "inputs[0].data has 1.0: INT8 is written as integers.",
    ),
    (
        request(datatype="INT8", data=[True, 2]),
        "inputs[0].data has True: INT8 is written as integers.",
    ),
    (
        request(datatype="BOOL", data=[0, 1]),
        "inputs[0].data has 0: BOOL is written as true and false.",
    ),
    (
        request(datatype="BYTES", data=["a", 1]),
        "inputs[0].data has 1: BYTES is written as strings.",
    ),
    (
        request(datatype="BYTES", data=["a", "\ud800"]),
        "inputs[0].data has half of a surrogate pair, which is no text.",
    ),
    (
        request(parameters={"x": None}),
        "parameters['x'] must be a number, text, true or false, not None.",
    ),
    (request(parameters=[]), "parameters must be an object, not an array of 0."),
    (
        request(parameters={"timeout": -1}),
        "parameters.timeout must be an integer from 0, of 64 bits, not -1.",
    ),
    (
        request(parameters={"timeout": 86_400_000_001}),
        "parameters.timeout must be at most 86400000000 microseconds, a day.",
    ),
    (
        request(parameters={"sequence_id": 1.5}),
        "parameters.sequence_id must be an integer from 0, of 64 bits, not 1.5.",
    ),
    (
        request(parameters={"sequence_id": 1, "sequence_start": 1}),
        "parameters.sequence_start must be true or false, not 1.",
    ),
    (
        request(parameters={"sequence_start": True}),
        "parameters.sequence_start and sequence_end need a sequence_id other than 0: say which "
        "sequence starts or ends.",
    ),
    (
        request(ouputs=[], extra=1),
        "inputs[0] has no field 'ouputs'; there are: name, datatype, shape, parameters, data.",
    ),
    (
        json.dumps({"ouputs": []}).encode(),
        "the request has no field 'ouputs'; there are: id, parameters, inputs, outputs.",
    ),
    (
        request(outputs=[{"name": "y"}, {"name": "y"}]),
        "output 'y' is asked for twice: ask once.",
    ),
    (
        request(outputs=[{"name": "y", "parameters": {"classification": 3}}]),
        "outputs[0] asks for classification, which is not served: ask for the scores, and sort "
        "them.",
    ),
    (
        request(outputs=[{"name": "y", "parameters": {"shared_memory_region": "r"}}]),
        "outputs[0] refers to shared memory, which is not served: send the data with the request.",
    ),
    (
        request(outputs=[{"name": "y", "parameters": {"binary_data": "yes"}}]),
        "outputs[0].binary_data must be true or false, not 'yes'.",
    ),
    (b"", "the request is no JSON: Expecting value: line 1 column 1 (char 0)."),
    (b"[]", "the request must be an object, not an array of 0."),
    (b"[" * 100_000, "the request is nested too deeply to be read."),
]


@pytest.mark.parametrize(("body", "text"), REFUSED, ids=lambda value: str(value)[:40])
def test_what_is_wrong_is_refused_and_said(body, text):
    with pytest.raises(Refusal) as caught:
        read_request(body)
    assert str(caught.value) == text
    assert caught.value.status == 400


def with_blob(blob: bytes, **changes: object) -> tuple[bytes, str]:
    size = changes.pop("size", len(blob))
    parameters = {"binary_data_size": size}
    one = {"name": "x", "datatype": "FP32", "shape": [2], "parameters": parameters, **changes}
    head = json.dumps({"inputs": [one]}).encode()
    return head + blob, str(len(head))


def element(data: bytes) -> bytes:
    return struct.pack("<I", len(data)) + data


REFUSED_BLOBS = [
    (
        with_blob(b"1234567"),
        "inputs[0] has 7 bytes of data, and 2 elements of FP32 take 8: let shape, datatype and "
        "data agree.",
    ),
    (
        with_blob(b"12345678", size=9),
        "inputs[0].parameters.binary_data_size is 9, and 8 bytes are left after the JSON: send "
        "them all, and Inference-Header-Content-Length.",
    ),
    (
        with_blob(b"123456789", size=8),
        "1 bytes follow the data of the last input: let each input say its size in "
        "parameters.binary_data_size.",
    ),
    (
        with_blob(b"12345678", size=-8),
        "inputs[0].parameters.binary_data_size must be an integer from 0, of 64 bits, not -8.",
    ),
    (
        with_blob(b"12345678", data=[1, 2]),
        "inputs[0] has data and binary_data_size: send one of them.",
    ),
    (
        with_blob(b"\0\2", datatype="BOOL"),
        "inputs[0] has bytes other than 0 and 1, which BOOL does not know.",
    ),
    (
        with_blob(element(b"a") + b"\1\0", datatype="BYTES"),
        "inputs[0] ends within the length of element 1: send 4 bytes for it.",
    ),
    (
        with_blob(element(b"a") + b"\xff\xff\xff\xffab", datatype="BYTES"),
        "inputs[0] ends within element 1: 4294967295 bytes are announced, and 2 are left.",
    ),
    (
        with_blob(element(b"a"), datatype="BYTES"),
        "inputs[0] has fewer than the 2 elements that its shape says.",
    ),
    (
        with_blob(3 * element(b"a"), datatype="BYTES"),
        "inputs[0] has more than the 2 elements that its shape says.",
    ),
]


@pytest.mark.parametrize(("sent", "text"), REFUSED_BLOBS, ids=lambda value: str(value)[:40])
def test_blobs_that_are_wrong_are_refused(sent, text):
    with pytest.raises(Refusal) as caught:
        read_request(*sent)
    assert str(caught.value) == text


@pytest.mark.parametrize("header", ["", "-1", "1e3", "999", "²", "9" * 5000, " 10"])
def test_a_header_that_is_no_size_is_refused(header):
    with pytest.raises(Refusal) as caught:
        read_request(request(), header)
    shown = repr(header) if len(header) < 100 else repr(header)[:57] + "..."
    assert str(caught.value) == (
        f"Inference-Header-Content-Length must be the bytes of JSON that the body of "
        f"{len(request())} bytes starts with, not {shown}."
    )


def test_an_input_given_twice_is_refused():
    one = {"name": "x", "datatype": "BOOL", "shape": [1], "data": [True]}
    with pytest.raises(Refusal, match=r"^input 'x' is given twice: send it once\.$"):
        read_request(request(inputs=[one, one]))


# -- whatever arrives, there is an answer

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=10,
)
fields = st.sampled_from(["name", "datatype", "shape", "data", "parameters", "binary_data_size"])
likely = st.sampled_from(
    ["x", "FP32", "BYTES", "BF16", [2], [0, 3], [[1]], [], {}, 2**63, -1, True]
)
inputs = st.lists(st.dictionaries(fields, likely | json_values, max_size=6), max_size=3)
parameters = st.sampled_from(["sequence_id", "sequence_start", "timeout", "binary_data_output"])
requests = st.fixed_dictionaries(
    {},
    optional={
        "id": likely | json_values,
        "inputs": inputs | json_values,
        "outputs": inputs | json_values,
        "parameters": st.dictionaries(parameters, likely | json_values) | json_values,
    },
)


def answered(body: bytes, header: str | None) -> None:
    """Reading it gives a request, or says why not, and nothing else."""
    with suppress(Refusal):
        read_request(body, header)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=60), st.none() | st.text(max_size=6) | st.integers(0, 70).map(str))
def test_any_bytes_give_an_answer(body, header):
    answered(body, header)


@settings(max_examples=500, deadline=None)
@given(requests, st.binary(max_size=20))
def test_any_json_gives_an_answer(found, blob):
    head = json.dumps(found).encode()
    answered(head + blob, str(len(head)))
    answered(head, None)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_request_gives_an_answer(data):
    sent = [data.draw(tensors(name)) for name in ("a", "b")]
    body, header = body_of(sent, [True, True], parameters={"binary_data_output": True})
    damaged = bytearray(body)
    for _ in range(data.draw(st.integers(1, 3))):
        damaged[data.draw(st.integers(0, len(body) - 1))] = data.draw(st.integers(0, 255))
    answered(bytes(damaged[: data.draw(st.integers(0, len(body)))]), header)
