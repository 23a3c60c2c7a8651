"""A state made by somebody else: it is refused, runs no code, and takes no more than its bytes."""

from __future__ import annotations

import io
import pickle
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import strategies as st

from tests.engine.test_saved_files import changed, saved, totals
from tests.fuzzing import damaged, fuzz, fuzzed
from torchpipe.engine.saving import checkpoint
from torchpipe.errors import StateError

__all__ = ["saved"]

FOREIGN = (
    "it was not written by run.save, though its checksum fits. Do not trust whoever gave it to you."
)
MISSHAPEN = "it is not of the form that run.save gives it. Load one that was not changed."


def refused(path: Path) -> str:
    with totals().run() as run, pytest.raises(StateError) as caught:
        run.load(path)
    return str(caught.value).removeprefix(f"cannot load {path}: ")


def sealed(path: Path, data: bytes) -> None:
    """Write what is damaged with a checksum that fits."""
    path.write_bytes(data + checkpoint.MARK + checkpoint.checksum(data + checkpoint.MARK))


LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3),
    st.sampled_from((-1, 2**63, 10**400, "record", "tensor", "array", "number", "hole", "cuda:9")),
    st.builds(torch.zeros, st.integers(0, 3)),
)  # fmt: skip
KEYS = st.sampled_from(("torchpipe kind", "type", "items", "data", "device", "text", "total"))
TREES = st.recursive(
    LEAVES,
    lambda parts: st.one_of(st.lists(parts, max_size=3), st.dictionaries(KEYS, parts, max_size=4)),
    max_leaves=8,
)


@st.composite
def changed_somewhere(draw: st.DrawFn, state: dict[str, Any]) -> Any:
    """A state with something else at one place, or without it."""
    if not isinstance(state, dict | list) or not state or draw(st.booleans()):
        return draw(TREES)
    made: Any = state.copy()
    keys = list(made) if isinstance(made, dict) else list(range(len(made)))
    key = draw(st.sampled_from(keys))
    if draw(st.sampled_from((False, False, True))):
        del made[key]
    else:
        made[key] = draw(changed_somewhere(made[key]))
    return made


@fuzzed
def test_a_state_with_something_else_in_it_is_loaded_or_refused(examples, saved):
    state = torch.load(saved, weights_only=True)

    def check(other: Any) -> None:
        with suppress(StateError), totals().run() as run:
            try:
                run.load_state_dict(other)
            except (LookupError, TypeError) as error:
                if "in the load_state_dict of cell 'total'" not in error.__notes__[0]:
                    raise  # it is not the cell's own, which may be given anything

    fuzz(examples, changed_somewhere(state), check)


def test_a_version_that_is_no_number_is_refused(saved):
    state = torch.load(saved, weights_only=True)
    with totals().run() as run, pytest.raises(StateError, match=r"it has version tensor\(\[\]\)"):
        run.load_state_dict(state | {"version": torch.zeros(0)})


@fuzzed
def test_a_damaged_file_with_a_checksum_that_fits_is_loaded_or_refused(examples, saved, tmp_path):
    data = saved.read_bytes()
    whole = data[: -len(checkpoint.MARK) - checkpoint.CHECKSUM]

    def check(data: bytes) -> None:
        sealed(tmp_path / "damaged", data)
        with suppress(StateError):
            checkpoint.read(tmp_path / "damaged")

    fuzz(examples, damaged(whole), check)


def test_it_runs_no_code(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path / "sprung").touch, ()

    checkpoint.write(tmp_path / "trap", {"format": Trap()})  # type: ignore[dict-item]
    assert refused(tmp_path / "trap") == FOREIGN
    sealed(tmp_path / "plain", pickle.dumps(Trap()))
    assert refused(tmp_path / "plain") == FOREIGN
    assert not (tmp_path / "sprung").exists()


def test_a_file_that_grows_when_it_is_read(tmp_path):
    path = tmp_path / "bomb"
    checkpoint.write(path, {"a": torch.zeros(1_000_000)})
    compressed = io.BytesIO()
    with (
        zipfile.ZipFile(path) as before,
        zipfile.ZipFile(compressed, "w", zipfile.ZIP_DEFLATED) as after,
    ):
        for entry in before.infolist():
            after.writestr(entry.filename, before.read(entry))
    path.write_bytes(checkpoint.sealed(compressed.getvalue()))
    assert path.stat().st_size < 100_000
    assert refused(path) == FOREIGN


def laughs() -> Any:
    """Nine lists of the same nine lists of ...: a billion in all."""
    value: Any = [0] * 9
    for _ in range(9):
        value = [value] * 9
    return value


def alone() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    "state",
    [laughs(), alone(), torch.zeros(1).expand(10**9), [torch.zeros(10_000)] * 1000],
    ids=["laughs", "itself", "one row", "one tensor"],
)
def test_a_state_that_says_the_same_a_billion_times(saved, state):
    path = changed(saved, more=state)
    assert refused(path) == FOREIGN


def test_a_state_that_is_nested_too_deeply(saved):
    value: Any = 0
    for _ in range(5000):
        value = [value]
    with totals().run() as run:
        state = run.state_dict()
        state["parameters"] = {"total": {"scale": value}}
        with pytest.raises(StateError) as caught:
            run.load_state_dict(state)
    assert str(caught.value) == f"cannot load this state: {MISSHAPEN}"


@pytest.mark.parametrize(
    "changes",
    [
        {"position": [0, 0]},
        {"position": [0, -1, 0]},
        {"step": 2**62},
        {"seed": False},
        {"regions": {"": {}}},
        {"cells": {"total": {"kind": "Total", "state": {"torchpipe kind": "unknown"}}}},
        {"cells": {"total": {"kind": "Total", "state": {"torchpipe kind": []}}}},
        {"cells": {"total": {"kind": "Total", "state": {"torchpipe kind": "tuple"}}}},
        {"cells": {"total": {"kind": "Total", "state": {"torchpipe kind": "array", "data": 1}}}},
        {"parameters": []},
    ],
)
def test_a_state_of_another_form(saved, changes):
    assert refused(changed(saved, **changes)) == MISSHAPEN


def test_a_saved_run_warns_of_nothing(saved):
    with warnings.catch_warnings(), totals().run() as run:
        warnings.simplefilter("error")
        run.load(saved)
