"""Sessions share clones in other processes, as they share threads."""

from __future__ import annotations

import pytest

import torchpipe as tp
from tests.engine.made import Total, open_line
from tests.ray.made import Scale

pytestmark = pytest.mark.usefixtures("cluster")


@pytest.mark.parametrize("kinds", [[tp.RayClone()], [tp.RayClone(), tp.ThreadClone()]])
def test_sessions_share_clones_in_other_processes(kinds):
    pipeline = open_line(head=Total(), scale=tp.ScaleUp(Scale(), clones=kinds), total=Total())
    with pipeline.run(sessions=10) as run:
        factor = run(1)
        sessions = [run.session() for _ in range(10)]
        futures = [[session.submit(number) for session in sessions] for number in range(1, 9)]
        for session in sessions[::2]:
            session.end()
        for column in zip(*futures, strict=True):
            heads = [sum(range(1, number + 1)) for number in range(1, 9)]
            expected = [factor * sum(heads[: place + 1]) for place in range(8)]
            assert [future.result(30) for future in column] == expected
        assert [session(1) for session in sessions[1::2]] == [factor * (120 + 37)] * 5
