"""What users may call is explained: all of it, all of its arguments, and what it raises itself."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Iterator
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

import pytest

PARTS = ["", ".train", ".serve", ".dashboard", ".testing", ".errors"]
ELSEWHERE = re.compile(r"\b(?:told|made) by\s+`([\w.]+)`", re.IGNORECASE)


def public() -> Iterator[tuple[str, Any]]:
    """Each public class, function and value, under its first name."""
    seen: list[Any] = []
    for part in PARTS:
        home = import_module(f"torchpipe{part}")
        for name in getattr(home, "__all__", dir(home)):
            value = getattr(home, name)
            if is_ours(value) and not any(value is one for one in seen):
                seen.append(value)
                yield f"torchpipe{part}.{name}", value


def is_ours(value: Any) -> bool:
    home = getattr(value, "__module__", "")
    return not isinstance(value, ModuleType) and home.startswith("torchpipe")


PUBLIC = dict(public())
CLASSES = {name: value for name, value in PUBLIC.items() if isinstance(value, type)}


def is_called(value: Any) -> bool:
    """Whether it has arguments of its own; most errors take a text."""
    is_plain_error = isinstance(value, type) and issubclass(value, BaseException)
    return callable(value) and not (is_plain_error and "__init__" not in vars(value))


def members(cls: type) -> Iterator[tuple[str, Any]]:
    """What users see in a class, those parts included that it takes from other classes of ours."""
    for owner in cls.__mro__:
        if owner.__module__.startswith("torchpipe"):
            for name, value in vars(owner).items():
                if not name.startswith("_") and hasattr(value, "__get__"):
                    yield name, value


def told(value: Any) -> str:
    """Its docstring, and those that it leaves something to."""
    text = inspect.getdoc(value) or ""
    for name in ELSEWHERE.findall(text):
        home = import_module(value.__module__)
        text += "\n" + (inspect.getdoc(getattr(home, name.split(".")[0], None)) or "")
    return text


@pytest.mark.parametrize("name", PUBLIC)
def test_it_has_a_docstring_and_so_has_each_member(name: str):
    value = PUBLIC[name]
    assert inspect.getdoc(value)
    if isinstance(value, type):
        bare = [
            member for member, _ in members(value) if not inspect.getdoc(getattr(value, member))
        ]
        assert bare == []


@pytest.mark.parametrize("name", [name for name, value in PUBLIC.items() if is_called(value)])
def test_each_of_its_arguments_is_explained(name: str):
    value = PUBLIC[name]
    text = told(value)
    missing = [
        parameter.name
        for parameter in inspect.signature(value).parameters.values()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        and not re.search(rf"^ +{parameter.name}: \S", text, re.MULTILINE)
    ]
    is_made_elsewhere = re.search(r"\bmade by\s+`", text, re.IGNORECASE)
    assert missing == [] or is_made_elsewhere


# A doctest of Lightning's classes fails at a warning of its own; `docs/training.md` has an example.
@pytest.mark.parametrize("name", sorted(CLASSES.keys() - {"torchpipe.train.FeedDataModule"}))
def test_a_class_has_an_example(name: str):
    cls = CLASSES[name]
    text = inspect.getdoc(cls) or ""
    assert ">>>" in text or issubclass(cls, BaseException) or "made by `" in text


@pytest.mark.parametrize("name", PUBLIC)
def test_what_it_raises_itself_is_told(name: str):
    value = PUBLIC[name]
    missing = [
        f"{function.__qualname__}: {error}"
        for function in functions_of(value)
        for error in raised_in(function)
        if error not in f"{told(value)}{inspect.getdoc(function)}"
    ]
    assert missing == []


def functions_of(value: Any) -> Iterator[FunctionType]:
    """The public functions of a class, its constructor included; or the function itself."""
    if isinstance(value, FunctionType):
        yield value
    elif isinstance(value, type):
        found = [("__init__", vars(value).get("__init__")), *members(value)]
        for _, member in found:
            function = getattr(member, "fget", member)
            if isinstance(function, FunctionType):
                yield function


def raised_in(function: FunctionType) -> Iterator[str]:
    """The names of errors that a function makes and raises."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except OSError:  # made by dataclass or NamedTuple
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            yield ast.unparse(node.exc.func)
