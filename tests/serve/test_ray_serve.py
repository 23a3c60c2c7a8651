"""What cannot be deployed with Ray Serve; what can is tested in `tests/ray`."""

from __future__ import annotations

import sys

import pytest

from tests.serve.made import Typed, add_one
from torchpipe.errors import UsageError
from torchpipe.serve import deployment


def test_a_pipeline_is_not_what_makes_one():
    with pytest.raises(UsageError) as error:
        deployment(Typed(add_one))
    assert str(error.value) == (
        "cannot deploy Typed: each replica makes a pipeline of its own. Give what makes it, such "
        "as its class, or functools.partial(Class, ...)."
    )


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UsageError) as error:
        deployment(lambda: Typed(add_one))
    assert str(error.value) == (
        "cannot deploy a pipeline: Ray Serve is not installed. Install the extra `ray-serve`: "
        "from a checkout, pip install --editable '.[ray-serve]'."
    )
