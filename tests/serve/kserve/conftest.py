"""Services for clients of the Open Inference Protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from tests.serve.made import serving

triton = pytest.importorskip("tritonclient.http")


@pytest.fixture(scope="session", autouse=True)
def first_client() -> None:
    """The first client opens what stays: no test is to blame for it."""
    with triton.InferenceServerClient("127.0.0.1:1") as client, suppress(OSError):
        client.is_server_live()


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Serve pipelines until the test ends; gives their addresses."""
    with ExitStack() as stack:
        yield lambda *pipeline, **options: stack.enter_context(
            serving(*pipeline, **options)
        ).url.removeprefix("http://")
