"""Ten thousand random pipelines: `pytest -m stress tests/stress/test_many_random_pipelines.py`."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.engine.test_random_pipelines import equals_a_plain_loop
from tests.engine.test_save_and_load import LEGS, OTHER, goes_on
from tests.strategies import pipelines
from torchpipe.engine.saving import cut


@pytest.mark.stress
@pytest.mark.timeout(0)
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(pipelines(), st.sampled_from((1, 2, 3, 64)))
def test_many_random_pipelines_equal_a_plain_loop(drawn, window):
    equals_a_plain_loop(drawn, window)


@pytest.mark.stress
@pytest.mark.timeout(0)
@settings(max_examples=5_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(pipelines(), LEGS)
def test_many_random_pipelines_go_on_where_they_were_saved(tmp_path, monkeypatch, drawn, legs):
    monkeypatch.setattr(cut, "SHARE", 0)
    goes_on(tmp_path, drawn, legs, [int, OTHER.__getitem__])
