"""Sequences by name: started, found, ended, forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

import torchpipe as tp
from tests.engine.made import Total, open_line, scaled
from torchpipe.serve.kserve.parameters import Sequence
from torchpipe.serve.kserve.sequences import Sequences
from torchpipe.serve.refusals import Refusal

Ask = Callable[..., Coroutine[Any, Any, int]]


def with_sequences(test: Callable[[Sequences, Ask], Coroutine[Any, Any, None]], **options: Any):
    """Run the test on sequences of a pipeline that sums what it gets."""
    most, idle = options.get("most", 2), options.get("idle", 60.0)

    async def main(run: tp.Run) -> None:
        sequences = Sequences(run.session, lambda session: asyncio.to_thread(session.close), idle)

        async def ask(x: int, name: int | str = 1, *, start=False, end=False) -> int:
            async with sequences.session(Sequence(name, start, end)) as session:
                return await asyncio.wrap_future(session.submit(x))

        await test(sequences, ask)

    with open_line(same=scaled(lambda x: x), total=Total()).run(sessions=most) as run:
        asyncio.run(main(run))


def test_a_sequence_remembers_from_its_start_to_its_end():
    async def test(sequences, ask):
        assert [await ask(1, start=True), await ask(2), await ask(3, end=True)] == [1, 3, 6]
        assert len(sequences) == 0
        assert await ask(5, start=True, end=True) == 5

    with_sequences(test)


def test_an_unknown_sequence_is_refused():
    async def test(sequences, ask):
        await ask(1, start=True, end=True)
        with pytest.raises(Refusal) as caught:
            await ask(1)
        assert str(caught.value) == (
            "there is no sequence 1: send sequence_start with its first request. It may have "
            "ended, or been idle for 60 seconds."
        )
        assert caught.value.status == 400

    with_sequences(test)


def test_a_start_forgets_what_was():
    async def test(sequences, ask):
        assert [await ask(1, start=True), await ask(2)] == [1, 3]
        assert [await ask(4, start=True), await ask(2)] == [4, 6]
        assert len(sequences) == 1

    with_sequences(test, most=1)


def test_numbers_and_text_are_different_names():
    async def test(sequences, ask):
        assert [await ask(1, 7, start=True), await ask(2, "7", start=True)] == [1, 2]
        assert [await ask(1, 7), await ask(2, "7")] == [2, 4]

    with_sequences(test)


def test_an_idle_sequence_ends_by_itself():
    async def test(sequences, ask):
        await ask(1, start=True)
        while len(sequences):  # the timer runs in this loop
            await asyncio.sleep(0)
        with pytest.raises(Refusal):
            await ask(1)

    with_sequences(test, idle=0.0)


def test_starts_of_one_sequence_at_once_leave_one():
    async def test(sequences, ask):
        results = await asyncio.gather(*(ask(1, start=True) for _ in range(10)))
        assert set(results) <= set(range(1, 11))
        assert len(sequences) == 1

    with_sequences(test, most=10)


def test_requests_of_a_sequence_at_once_are_all_counted():
    async def test(sequences, ask):
        await ask(1, start=True)
        ends = [ask(1) for _ in range(9)]
        assert sorted(await asyncio.gather(*ends)) == list(range(2, 11))
        assert await ask(1, end=True) == 11

    with_sequences(test)
