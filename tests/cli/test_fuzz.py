"""Whatever words are given, the command does it or says in one line why not."""

from __future__ import annotations

from argparse import ArgumentTypeError
from contextlib import suppress

import pytest
from hypothesis import strategies as st

import torchpipe as tp
from tests.cli.conftest import Torchpipe
from tests.fuzzing import fuzz, fuzzed, nested, words
from torchpipe.cli.adjust import scale, set_values
from torchpipe.cli.command import dispatch
from torchpipe.cli.options import reader
from torchpipe.cli.target import find
from torchpipe.errors import ParameterError, UsageError


class Any(tp.Cell):
    level = tp.Parameter(0.5)
    shape = tp.Parameter((1, 2))
    size = tp.Parameter(3, le=10)
    free = tp.Parameter(None, ge=1, le=5)
    one = tp.Config("a", choices=("a", "b"))

    def forward(self, x: int) -> int:
        return x


class Street(tp.Pipeline):
    def __init__(self):
        super().__init__()
        self.source = tp.Source(range(2))
        self.detect = tp.ScaleUp(Any(), clones=2)

    def build(self):
        return self.detect(self.source())


NAMES = ("level", "shape", "size", "free", "one")
KNOWN = [f"detect.{name}={value}" for name in NAMES for value in ("1", "(1, 2)", "{'a': [b'']}")]
LITERALS = st.one_of(
    nested("1", "-", ""), nested("1", "(", ",)"), nested("1", "[", "]"), nested("1", "{", ": 1}")
)
SETTINGS = st.one_of(words(*KNOWN), LITERALS.map("detect.shape={}".format))


@fuzzed
def test_a_setting_is_made_or_refused(examples):
    street = Street()

    def check(text: str) -> None:
        with suppress(UsageError, ParameterError):
            set_values(street, [text])

    fuzz(examples, SETTINGS, check)


@pytest.mark.parametrize("value", ["{[]: 1}", "-" * 100_000 + "1", "{**1}", "{'a': {}}['b']"])
def test_text_that_is_no_literal_stays_text(value):
    street = Street()
    set_values(street, [f"detect.shape={value}"])
    assert street.detect.cell.shape == value


@fuzzed
def test_clones_are_made_or_refused(examples):
    def check(text: str) -> None:
        street = Street()
        try:
            scale(street, [text])
        except UsageError:
            return
        assert 1 <= len(street.detect.clones) <= 10_000

    fuzz(examples, words("detect=4", "detect=999999999", "source=1", "=", "9" * 30), check)


@pytest.mark.parametrize("number", ["10001", "9" * 30, "9" * 5000])
def test_more_clones_than_any_machine_runs_are_refused(number):
    with pytest.raises(UsageError) as caught:
        scale(Street(), [f"detect={number}"])
    assert str(caught.value) == (
        f"cannot read --scale detect={number}: write --scale cell=4, from 1 to 10,000."
    )


@fuzzed
def test_a_target_is_found_or_refused(examples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def check(text: str) -> None:
        with pytest.raises(UsageError):
            find(text)

    fuzz(examples, words("missing.py:Name", "missing.module:Name", "./missing", "..", ":"), check)


def test_a_name_that_is_too_long_for_a_file(torchpipe: Torchpipe):
    for target in ("a" * 5000 + ".py:Name", "./" + "a" * 5000):
        answer = torchpipe("run", target)
        assert answer.code == 2
        assert answer.err.endswith(": File name too long.\n")


@pytest.mark.parametrize("name", ["my.file.py", ".hidden.py"])
def test_a_file_with_a_dot_in_its_name(torchpipe: Torchpipe, tmp_path, name):
    (tmp_path / name).write_text("")
    answer = torchpipe("run", f"{tmp_path / name}:Name")
    assert (answer.code, answer.err) == (
        2,
        f"torchpipe: cannot import {name}: Python takes a dot for a folder. Rename it.\n",
    )


HINTS = (int, float, int | None, list[int], str | int)


@fuzzed
def test_an_option_is_read_or_refused(examples):
    readers = [reader(hint) for hint in HINTS]

    def check(text: str) -> None:
        for read in readers:
            with suppress(ArgumentTypeError):
                read(text)

    fuzz(examples, words("1", "0.5", "none", "1_0"), check)


OPTIONS = ("--window", "--items", "--seed", "--per-plan", "--port", "--host", "--queue", "--drain")
OPTIONS += ("--timeout", "--max-body", "--max-sessions", "--session-idle", "--scale", "--set")
OPTIONS += ("--max-held",)


@fuzzed
def test_all_other_options_are_read_or_refused(examples, street):
    """The target is an open pipeline, so no command comes further than its options."""

    def check(asked: tuple[str, str, str]) -> None:
        command, option, value = asked
        with pytest.raises((UsageError, ParameterError)):
            dispatch([command, f"{street}:Open", f"{option}={value}"])

    commands = st.sampled_from(("run", "profile", "dashboard"))
    fuzz(examples, st.tuples(commands, st.sampled_from(OPTIONS), words("4", "0.5")), check)


@pytest.mark.parametrize(
    ("command", "option", "value", "problem"),
    [
        ("run", "--window", "1000000000000", "it must be from 1 to 1,000,000"),
        ("run", "--items", "9" * 30, "it must be from 1 to 9,223,372,036,854,775,807"),
        ("run", "--window", "a", "it must be a whole number"),
        ("run", "--window", "9" * 5000, "it must be a whole number"),
        ("dashboard", "--port", "65536", "it must be from 0 to 65,535"),
        ("dashboard", "--port", "-1", "it must be from 0 to 65,535"),
        ("serve", "--queue", "-1", "it must be from 0 to 1,000,000"),
        ("serve", "--timeout", "nan", "it must be from 0 to 31,536,000 seconds"),
        ("serve", "--timeout", "-1", "it must be from 0 to 31,536,000 seconds"),
        ("profile", "--per-plan", "inf", "it must be from 0 to 31,536,000 seconds"),
        ("profile", "--per-plan", "a", "it must be a number of seconds"),
    ],
)
def test_a_number_out_of_range(torchpipe: Torchpipe, street, command, option, value, problem):
    answer = torchpipe(command, f"{street}:Street", option, value)
    assert answer.code == 2
    assert answer.err.startswith(f"torchpipe: argument {option}: {problem}, not ")
