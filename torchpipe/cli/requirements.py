"""What torchpipe and its extras require, from its own metadata, and what of it is installed."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version

DISTRIBUTION = "torchpipe-cells"
LINE = re.compile(
    r"(?P<name>[\w.-]+)(\[[\w,-]+\])?(?P<versions>[^;]*)"
    r"(;.*\bextra == ['\"](?P<extra>[\w-]+)['\"])?.*"
)
CLAUSE = re.compile(r"(>=|<=|!=|==|<|>)\s*([\w.]+)")
HOLDS: dict[str, Callable[[list[int], list[int]], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    "!=": operator.ne,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}


@dataclass(frozen=True)
class Requirement:
    """A package that something needs.

    Attributes:
        name: Of the distribution.
        versions: Those that fit, such as ">=2.5,!=2.6.2".
        extra: The extra that needs it; empty for what is always needed.
    """

    name: str
    versions: str
    extra: str

    @property
    def version(self) -> str | None:
        """The version that is installed."""
        return installed(self.name)

    @property
    def is_unfit(self) -> bool:
        """Whether a version is installed that does not fit."""
        return self.version is not None and not fits(self.version, self.versions)

    @property
    def is_excluded(self) -> bool:
        """Whether a version is installed that must never be used."""
        never = [release(number) for sign, number in CLAUSE.findall(self.versions) if sign == "!="]
        return self.version is not None and release(self.version) in never


def installed(name: str) -> str | None:
    """The version of a distribution, if it is there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def fits(number: str, versions: str) -> bool:
    """Whether a version is in a range; what follows the release, such as `+cpu`, does not count."""
    clauses = CLAUSE.findall(versions)
    return all(HOLDS[sign](release(number), release(limit)) for sign, limit in clauses)


def release(number: str) -> list[int]:
    """The numbers of a version, without zeros at the end: 2.10.0+cpu is [2, 10]."""
    found = re.match(r"\d+(\.\d+)*", number)
    numbers = [int(part) for part in found[0].split(".")] if found else []
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return numbers


def required() -> dict[str, list[Requirement]]:
    """What each extra needs; "" stands for what is always needed. Without metadata, nothing.

    An extra that takes in others is written out: the metadata has it so. `all` says nothing new.
    """
    try:
        read = [parsed(line) for line in requires(DISTRIBUTION) or []]
    except PackageNotFoundError:
        return {}
    extras = [extra for extra in dict.fromkeys(one.extra for one in read) if extra != "all"]
    return {extra: [one for one in read if one.extra == extra] for extra in extras}


def parsed(line: str) -> Requirement:
    """A line of the metadata, such as `ray>=2.44; extra == 'ray'`."""
    found = LINE.fullmatch(line)
    assert found is not None, line
    return Requirement(found["name"], found["versions"].strip(), found["extra"] or "")
