"""Which types may be connected, and what they are called."""

import ast
import typing
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, Optional, Protocol, TypedDict, TypeVar

import pytest

from torchpipe.graph.types import article, fits, hints_of, is_named_tuple, type_name, yielded

T = TypeVar("T")


class Animal:
    pass


class Dog(Animal):
    pass


class Named(Protocol):
    name: str


class Point(NamedTuple):
    x: int


class Options(TypedDict):
    x: int


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (int, int),
        (Dog, Animal),
        (bool, int),
        (int, float),
        (int, complex),
        (float, complex),
        (Any, int),
        (int, Any),
        (object, int),
        (int, object),
        (int, int | None),
        (None, int | None),
        (None, Optional[int]),  # noqa: UP045 - both spellings
        (int | None, int | None),
        (int | None, int),
        (int | str, float | bytes),
        (list[int], list[str]),
        (list[int], Sequence[int]),
        (Annotated[int, "pixels"], float),
        (Literal["a"], int),
        (T, int),
        (Dog, Named),
        (Options, dict),
        (dict, Options),
        (int | str, int | str | None),
        (type(lambda: None), Callable[[], None]),
    ],
)
def test_what_fits(given, expected):
    assert fits(given, expected)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (Animal, Dog),
        (float, int),
        (int, str),
        (None, int),
        (list[int], tuple[int, ...]),
        (list | str, int | bytes),
        (str, int | None),
    ],
)
def test_what_does_not_fit(given, expected):
    assert not fits(given, expected)


@pytest.mark.parametrize(
    ("hint", "name"),
    [
        (Any, "Any"),
        (int, "int"),
        (None, "None"),
        (type(None), "None"),
        (int | None, "int | None"),
        (Optional[Dog], "Dog | None"),  # noqa: UP045 - both spellings
        (dict[str, list[Dog]], "dict[str, list[Dog]]"),
        (Iterator[int], "Iterator[int]"),
        (Literal["a", 2], "Literal[a, 2]"),
        (T, "T"),
        ("Missing", "Missing"),
    ],
)
def test_names_are_without_modules(hint, name):
    assert type_name(hint) == name


@pytest.mark.parametrize(
    ("noun", "text"),
    [("int", "an int"), ("Image", "an Image"), ("Tensor", "a Tensor"), ("union", "a union")],
)
def test_articles(noun, text):
    assert article(noun) == text


@pytest.mark.parametrize(
    ("hint", "type"),
    [
        (Iterator[int], int),
        (Iterable[Dog], Dog),
        (Generator[int, None, str], int),
        (typing.Iterator[int], int),
        (Iterator, Any),
        (typing.Iterator, Any),
        (list[int], Any),
        (Any, Any),
    ],
)
def test_what_a_generator_yields(hint, type):
    assert yielded(hint) is type


def test_named_tuples_are_known():
    assert is_named_tuple(Point)
    assert not is_named_tuple(tuple)
    assert not is_named_tuple(tuple[int, int])
    assert not is_named_tuple(Point(1))
    assert not is_named_tuple(ast.Name)  # it has fields, and is no tuple


def half_known(a: "int", b: "Missing", c: "list[Animal]") -> "Dog":  # noqa: F821 - on purpose
    """One name exists for type checkers only."""


class HalfKnown(NamedTuple):
    a: "Animal"
    b: "Missing"  # noqa: F821 - on purpose


class Called:
    a: str

    def __call__(self, a: int) -> float:
        return a


def test_hints_that_cannot_be_resolved_are_left_out():
    assert hints_of(half_known) == {"a": int, "c": list[Animal], "return": Dog}
    assert hints_of(HalfKnown) == {"a": Animal}


def test_hints_of_anything_that_can_be_called():
    expected = {"a": int, "return": float}
    assert hints_of(Called()) == expected
    assert hints_of(Called().__call__) == expected
    assert hints_of(partial(Called(), a=1)) == expected
    assert hints_of(partial(partial(Called.__call__), a=1)) == expected
    assert hints_of(abs) == {}
    assert hints_of(lambda x: x) == {}
