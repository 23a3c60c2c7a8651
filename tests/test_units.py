"""What users may call says the shapes of its arrays, the units of its numbers, and its sources."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from types import FunctionType, ModuleType
from typing import Any, NamedTuple

import pytest

from tests.test_docs import told_in_the_reference
from tests.test_docstrings import PUBLIC, functions_of, told

FOLDERS = ["trackers", "evaluate", "outputs"]
FILES = ["boxes", "detections", "detector", "flow", "appearance"]

ARRAY = re.compile(r"\b(?:Tensor|ndarray|NDArray|ArrayLike|_SupportsArray|Floats|Integers)\b")
SHAPE = re.compile(r"`\([^`()]*,[^`()]*\)`|\bscalar\b|\bany shape\b")
NUMBER = re.compile(r"(?:int|float)(?: \| (?:int|float|None))*")
MEASURE = re.compile(r"\b(?:second|pixel|frame|CPU|GPU)s?\b", re.IGNORECASE)
COUNT = re.compile(
    r"\b(?:second|byte|pixel|item|sample|batch|row|frame|box|track|person|people|id"
    r"|step|epoch|call|thread|clone|replica|rank|CPU|GPU|request|session|file|port)(?:e?s)?\b",
    re.IGNORECASE,
)
RATIO = re.compile(r"\b(?:ratio|share|fraction|mean|cosine|intersection over union|0 to 1)\b")
PURE = {"torchpipe.Run.__init__(seed)", "torchpipe.train.Feed.__init__(seed)"}  # any integers

SOURCE = re.compile(r"https://\S+\.\S+")
FROM_ELSEWHERE = [
    "recipes.tracking.trackers",
    "recipes.tracking.evaluate",
    "torchpipe.serve.kserve",
]
FORMATS = ["torchpipe.engine.telemetry.chrome", "torchpipe.serve.metrics", "recipes.tracking.mot"]
OUR_OWN = {  # what holds together the others, and follows nobody
    "recipes.tracking.trackers": {"found", "per_class", "records", "tracker"},
    "recipes.tracking.evaluate": {"counts", "pairing", "pipeline", "scores", "table"},
    "torchpipe.serve.kserve": {"fields", "shown"},
}


class Said(NamedTuple):
    """A value that a function takes or gives, or that an object has, and what is said of it."""

    name: str
    type: str
    text: str


def reached() -> dict[str, Any]:
    """The public API, what its reference tells beside it, and what tracks, finds and scores."""
    found = dict(PUBLIC)
    for value in told_in_the_reference():
        if callable(value) and not any(value is one for one in found.values()):
            found[f"{value.__module__}.{value.__name__}"] = value
    for part in modules():
        home = import_module(f"recipes.tracking.{part}")
        for name, value in vars(home).items():
            is_own = getattr(value, "__module__", "") == home.__name__
            if callable(value) and is_own and not name.startswith("_"):
                found[f"{part}.{name}"] = value
    return found


def modules() -> Iterator[str]:
    yield from FILES
    for folder in FOLDERS:
        home = import_module(f"recipes.tracking.{folder}")
        yield from (f"{folder}.{module.name}" for module in iter_modules(home.__path__))


REACHED = reached()


def said(name: str) -> Iterator[Said]:
    """All that a class or function takes, has and gives."""
    value = REACHED[name]
    text = told(value)
    if isinstance(value, type):
        yield from fields_of(name, value, text)
    for function in [*functions_of(value), *others_of(value)]:
        is_main = function is value or function.__name__ == "__init__"
        own = text if is_main else function.__doc__ and inspect.getdoc(function)
        yield from values_of(f"{name}.{function.__name__}", function, own or text)


def others_of(value: Any) -> Iterator[FunctionType]:
    """What an object does that is called itself; and all that the recipe's own classes do."""
    is_recipe = getattr(value, "__module__", "").startswith("recipes")
    for name, member in vars(value).items() if isinstance(value, type) else ():
        function = getattr(getattr(member, "__func__", member), "fget", member)
        is_public = is_recipe and not name.startswith("_")
        if isinstance(function, FunctionType) and (is_public or name == "__call__"):
            yield function


def fields_of(name: str, cls: type, text: str) -> Iterator[Said]:
    for field, annotation in vars(cls).get("__annotations__", {}).items():
        if not field.startswith("_"):
            yield Said(f"{name}.{field}", type_of(annotation), entry(field, text))


def values_of(name: str, function: FunctionType, text: str) -> Iterator[Said]:
    for given, annotation in function.__annotations__.items():
        part = "Returns" if given == "return" else given
        yield Said(f"{name}({given})", type_of(annotation), entry(part, text))


def type_of(annotation: Any) -> str:
    return annotation.__name__ if type(annotation) is type else str(annotation)


def entry(name: str, text: str) -> str:
    """The lines on a value; or all that is said, where its function has no such lines."""
    found = re.search(rf"^( *){name}:(.*(?:\n\1 +\S.*|\n(?=\n\1 ))*)", text, re.MULTILINE)
    return found[2] if found else re.sub(r"^Raises:(\n .*)*|^ *>>>.*", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("name", REACHED)
def test_each_array_has_a_shape(name: str):
    arrays = [one for one in said(name) if ARRAY.search(one.type)]
    assert [one for one in arrays if not SHAPE.search(one.text)] == []


@pytest.mark.parametrize("name", REACHED)
def test_each_number_has_a_unit_or_is_called_a_ratio(name: str):
    numbers = [one for one in said(name) if NUMBER.fullmatch(one.type)]
    bare = [one for one in numbers if not (unit(one).search(one.text) or RATIO.search(one.text))]
    assert [one for one in bare if one.name not in PURE] == []


def unit(number: Said) -> re.Pattern[str]:
    """What a number may be of: a whole one is a count, or the place in one."""
    return COUNT if "int" in number.type else MEASURE


def test_many_arrays_and_numbers_are_found_and_the_pure_ones_are_among_them():
    found = [one for name in REACHED for one in said(name)]
    assert sum(bool(ARRAY.search(one.type)) for one in found) > 100
    assert sum(bool(NUMBER.fullmatch(one.type)) for one in found) > 200
    assert {one.name for one in found} >= PURE


def files_of(package: ModuleType) -> set[str]:
    return {module.name for module in iter_modules(package.__path__)}


@pytest.mark.parametrize("package", FROM_ELSEWHERE)
def test_what_follows_a_paper_or_a_protocol_names_it(package: str):
    files = files_of(import_module(package))
    bare = {file for file in files if not names_a_source(f"{package}.{file}")}
    assert bare == OUR_OWN[package]


@pytest.mark.parametrize("module", FORMATS)
def test_a_format_of_others_is_named(module: str):
    assert names_a_source(module)


def names_a_source(module: str) -> bool:
    return bool(SOURCE.search(import_module(module).__doc__ or ""))
