"""A short soak on each kind of clones: `python -m tests.stress.soak` runs the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stress.figures import Figures
from tests.stress.kinds import Kind, each, threads
from tests.stress.lives import Life

pytestmark = [pytest.mark.stress, pytest.mark.timeout(600)]


@each
def test_random_lives_lose_nothing(kind: Kind, figures: Figures, tmp_path: Path):
    lives, results = (10, 5_000) if kind is threads else (3, 1_000)
    for seed in range(lives):
        figures.add(Life(seed, kind, tmp_path, items=1_000).live(results))
    assert (figures.lost, figures.doubled) == (0, 0)
