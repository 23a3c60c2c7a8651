"""For the cases and the soak: their figures are kept, and nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.conftest import leaving_nothing
from tests.ray.conftest import leaving_no_clone
from tests.stress.figures import Figures
from tests.stress.kinds import Kind


@pytest.fixture(autouse=True)
def nothing_left(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves something; Ray's own processes and files stay."""
    with_ray = request.node.get_closest_marker("ray") is not None
    with leaving_no_clone() if with_ray else leaving_nothing():
        yield


@pytest.fixture
def figures(record_property: Callable[[str, object], None]) -> Iterator[Figures]:
    """What the test counts and times; `python -m tests.stress` reads it from the report."""
    figures = Figures()
    yield figures
    for name, value in figures.told().items():
        record_property(name, value)


@pytest.fixture
def kind(request: pytest.FixtureRequest) -> Kind:
    """The kind of clones of this test, with a cluster if it needs one."""
    if request.node.get_closest_marker("ray") is not None:
        request.getfixturevalue("cluster")
    return request.param
