"""Numbers of 16 bits, one by one; and which arrays have a datatype."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from torchpipe.serve.kserve.datatype import TRAVELLING, datatype_of, narrowed, widened

torch = pytest.importorskip("torch")


def test_every_bf16_number_is_held_exactly():
    every = np.arange(2**16, dtype=np.uint16)
    assert (narrowed(widened(every)) == every).all()


@settings(deadline=None)
@given(st.floats(width=32))
def test_floats_become_the_nearest_bf16_as_in_torch(value):
    ours = widened(narrowed(np.array([value], np.float32)))
    theirs = torch.tensor([value]).to(torch.bfloat16).to(torch.float32).numpy()
    np.testing.assert_array_equal(ours, theirs)


def test_a_nan_never_becomes_infinite():
    silent = np.array([0x7F800001, 0xFF800001], np.uint32).view(np.float32)
    assert np.isnan(widened(narrowed(silent))).all()


@pytest.mark.parametrize("datatype", [name for name in TRAVELLING if name != "BF16"])
def test_each_datatype_has_an_array_type(datatype):
    assert datatype_of(TRAVELLING[datatype]) == datatype
    assert datatype_of(TRAVELLING[datatype].newbyteorder(">")) == datatype


def test_other_array_types_have_none():
    assert [datatype_of(np.dtype(name)) for name in ("O", "U4", "c8", "M8[s]")] == [None] * 4
