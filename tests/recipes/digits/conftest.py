"""The real digits, and small trainings in folders of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from recipes.digits import TrainDigits
from recipes.digits.classify import Result
from recipes.digits.curves import draw_curves
from recipes.digits.data import Digits, find_table, load_digits
from torchpipe.errors import UsageError

SMALL = {"examples": 20, "epochs": 2}  # 200 digits to learn from: 4 batches in an epoch


@pytest.fixture(scope="session")
def digits() -> Digits:
    """All digits."""
    try:
        find_table()
    except UsageError as error:
        pytest.skip(str(error))
    return load_digits()


@pytest.fixture(scope="session", autouse=True)
def fonts(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Let matplotlib open its fonts: it keeps the files open, which is no test's fault."""
    folder = tmp_path_factory.mktemp("fonts")
    rows = ["step,loss,test_loss,test_accuracy", "0,2.0,0.5,0.9", "1,0.25,0.25,0.95\n"]
    (folder / "metrics.csv").write_text("\n".join(rows))
    draw_curves(folder / "metrics.csv", folder / "curves.png", steps=1)


@pytest.fixture
def training(digits: Digits, tmp_path: Path) -> Callable[..., TrainDigits]:
    """Makes a small training, in a folder that several may share."""

    def make(folder: str = "run", **options: Any) -> TrainDigits:
        return TrainDigits(**({"output": str(tmp_path / folder)} | SMALL | options))

    return make


def run(pipeline: TrainDigits, seed: int = 0) -> Result:
    """Train to the end."""
    with pipeline.run(seed=seed) as running:
        (result,) = list(running)
    return result


def weights(pipeline: TrainDigits) -> list[Tensor]:
    """What was learned."""
    return list(torch.load(pipeline.train.folder.network, weights_only=True).values())


def same(some: list[Tensor], others: list[Tensor]) -> bool:
    """Whether all are equal, bit by bit."""
    return all(torch.equal(one, other) for one, other in zip(some, others, strict=True))
