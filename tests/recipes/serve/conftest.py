"""What the services need: digits, weights, and what the extra `serve` brings."""

from __future__ import annotations

import pytest

from recipes.digits.data import find_table
from recipes.tracking.weights import find_weights
from tests.serve.conftest import first_loop
from torchpipe.errors import UsageError

__all__ = ["first_loop"]


@pytest.fixture(scope="session", autouse=True)
def data_and_weights() -> None:
    """What comes from packages that may not be installed."""
    for find in (find_table, find_weights):
        try:
            find()
        except UsageError as error:
            pytest.skip(str(error))
