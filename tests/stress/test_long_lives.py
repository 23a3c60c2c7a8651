"""Long lives of runs: see `tests/engine/test_life.py`."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

from tests.engine.test_life import Requests, Stream

MANY = settings(
    max_examples=1_000,
    stateful_step_count=50,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestStreams = pytest.mark.stress(
    pytest.mark.timeout(1_000)(type("Streams", (Stream,), {}).TestCase)
)
TestManyRequests = pytest.mark.stress(
    pytest.mark.timeout(1_000)(type("ManyRequests", (Requests,), {}).TestCase)
)
TestStreams.settings = TestManyRequests.settings = MANY
