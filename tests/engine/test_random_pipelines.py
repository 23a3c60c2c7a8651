"""Any pipeline, with any clones and any window, equals a plain Python loop."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.steps import Random, expected
from tests.strategies import pipelines


def equals_a_plain_loop(drawn, window, clones=int):
    steps, counts, outputs = drawn
    wanted, kept = expected(steps, counts, outputs)
    pipeline = Random(steps, counts, outputs, clones)
    with pipeline.run(window=window, stall_after=5.0) as run:
        for _ in range(2):  # the second epoch, with warm clones
            assert list(run) == wanted
            assert [sink.got for sink in pipeline.sinks] == kept


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(pipelines(), st.sampled_from((1, 2, 3, 64)))
def test_random_pipelines_equal_a_plain_loop(drawn, window):
    equals_a_plain_loop(drawn, window)
