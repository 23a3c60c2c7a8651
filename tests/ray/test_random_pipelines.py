"""Any pipeline equals a plain loop, whatever its clones are: threads, Ray actors, or both."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import torchpipe as tp
from tests.engine.test_random_pipelines import equals_a_plain_loop
from tests.strategies import pipelines


def remote(count: int) -> list[tp.Clone]:
    return [tp.RayClone(num_cpus=0.01)] * min(count, 2)


def mixed(count: int) -> list[tp.Clone]:
    return [tp.RayClone(num_cpus=0.01), *[tp.ThreadClone()] * (count - 1)]


@pytest.mark.parametrize("clones", [remote, mixed])
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(pipelines(), st.sampled_from((1, 3, 64)))
def test_random_pipelines_equal_a_plain_loop(cluster, clones, drawn, window):
    equals_a_plain_loop(drawn, window, clones)
