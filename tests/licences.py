"""The licences of all that the project needs: `python -m tests.licences` prints the table."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
OURS = "torchpipe-cells"
DRIVERS = re.compile(r"nvidia-|cuda-|triton$")  # what torch brings for GPUs


def project() -> dict[str, list[str]]:
    """The requirements by extra; those of the package itself under "core"."""
    said = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return {"core": said["dependencies"], **said["optional-dependencies"]}


def needed(extras: list[str]) -> dict[str, Distribution]:
    """All packages that these extras bring, as far as they are installed, by name."""
    found: dict[str, Distribution] = {}
    waiting = [(Requirement(text), "") for extra in extras for text in project()[extra]]
    seen: set[tuple[str, str]] = set()
    while waiting:
        wanted, extra = waiting.pop()
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        if wanted.marker is not None and not wanted.marker.evaluate({"extra": extra}):
            continue
        if name == OURS:
            waiting += [(Requirement(t), "") for one in wanted.extras for t in project()[one]]
            continue
        try:
            found[name] = distribution(name)
        except PackageNotFoundError:
            continue
        for asked in {"", *wanted.extras}:
            if (name, asked) not in seen:
                seen.add((name, asked))
                waiting += [(Requirement(text), asked) for text in found[name].requires or ()]
    return {name: one for name, one in sorted(found.items()) if not DRIVERS.match(name)}


def licence(package: Distribution) -> str:
    """What a package says of its licence."""
    said = package.metadata
    classes = [one.rpartition(" :: ")[2] for one in said.get_all("Classifier") or ()
               if one.startswith("License :: ")]  # fmt: skip
    first = (said.get("License") or "").strip().splitlines()[:1]
    return said.get("License-Expression") or ", ".join(classes or first) or "says nothing"


def table(packages: dict[str, Distribution]) -> str:
    """Packages and their licences, as Markdown."""
    groups: dict[str, list[str]] = {}
    for name, package in packages.items():
        groups.setdefault(licence(package), []).append(name)
    lines = [f"| {kind} | {', '.join(names)} |" for kind, names in sorted(groups.items())]
    return "\n".join(["| Licence | Packages |", "|---|---|", *lines])


USERS = ["core", "all"]
OTHERS = ["dev", "benchmarks"]

if __name__ == "__main__":
    users = needed(USERS)
    others = {name: one for name, one in needed(OTHERS).items() if name not in users}
    print(table(users), table(others), sep="\n\n")  # noqa: T201 - it is a command
