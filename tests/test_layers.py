"""Who may import whom. `docs/design.md` tells why; the imports are read, not run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import torchpipe

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(file.parent for file in (ROOT / "torchpipe").rglob("__init__.py"))

# Each part of the package, and the parts below it.
BELOW = {
    "errors": set(),
    "addresses": set(),
    "extras": {"errors"},
    "access": {"addresses"},
    "graph": {"errors"},
    "engine": {"errors", "graph"},
    "tracing": {"errors", "graph", "engine"},
    "cells": {"errors", "graph"},
    "testing": {"errors", "graph"},
    "train": {"errors", "graph", "engine", "cells"},
    "dashboard": {"errors", "addresses", "access", "graph", "engine", "cells"},
    "serve": {"errors", "addresses", "access", "graph", "engine", "cells", "dashboard", "tracing"}
    | {"extras"},
    "cli": {"errors", "addresses", "extras", "graph", "engine", "cells", "serve", "dashboard"},
    "__main__": {"cli"},
}

# What a run is saved with: torch is loaded when one is saved or loaded, and not before.
SAVING = {"engine.saving.checkpoint", "engine.saving.plain"}

# What a service reads and writes.
VALUES = {"serve.codecs", "serve.arrays", "serve.kserve"}

# What the page shows of outputs.
PICTURES = {"dashboard.picture", "dashboard.seen"}

# The parts, or single files, that may import a library.
HOMES = {
    "torch": {"cells", "train", "engine.torch_state", "engine.devices", "engine.torch_seen"}
    | {"engine.remote.wire"}
    | VALUES
    | SAVING,
    "numpy": {"cells", "train", "serve.reading", "engine.remote.segments"} | VALUES | PICTURES,
    "ray": {"engine.ray", "serve.ray_serve"},
    "lightning": {"train"},
    "fastapi": {"serve"},
    "fastapi_offline": {"serve"},
    "pydantic": {"serve"},
    "prometheus_client": {"serve"},
    "starlette": {"serve", "dashboard"},
    "uvicorn": {"serve", "dashboard"},
    "opentelemetry": {"tracing"},
    "tqdm": {"cli"},
}

PUBLIC = {
    "torchpipe",
    "torchpipe.errors",
    "torchpipe.cells",
    "torchpipe.serve",
    "torchpipe.train",
    "torchpipe.testing",
}

# The packages of the engine that are read top down.
IN_ORDER = ["engine", *(f"engine.{part}" for part in ("telemetry", "planning", "saving", "ray"))]

VAGUE = {"utils", "util", "common", "base", "helpers", "helper", "manager", "misc", "tools"}


@dataclass(frozen=True)
class Import:
    """One import statement's module.

    Attributes:
        importer: The module that imports, without "torchpipe.".
        module: What it imports, in full.
        place: The function around it; "types" if it is for type checkers only; or "".
    """

    importer: str
    module: str
    place: str

    @property
    def part(self) -> str:
        """The part of the package that imports."""
        return self.importer.partition(".")[0]

    @property
    def target(self) -> str:
        """What it imports, without "torchpipe."; empty for what is not ours."""
        return (
            self.module.removeprefix("torchpipe.") if self.module.startswith("torchpipe.") else ""
        )


def imports_of(package: Path) -> list[Import]:
    """All imports in all files of a package."""
    found = []
    for file in sorted(package.rglob("*.py")):
        parts = file.relative_to(package).with_suffix("").parts
        name = ".".join(part for part in parts if part != "__init__")
        found += [Import(name, module, place) for module, place in imports_in(read(file))]
    return found


def read(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def imports_in(node: ast.AST, place: str = "") -> Iterator[tuple[str, str]]:
    """Each import under a node, and the function that it is in."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from ((alias.name, place) for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.module == "torchpipe":
            yield from ((f"torchpipe.{alias.name}", place) for alias in child.names)
        elif isinstance(child, ast.ImportFrom) and child.level == 0:
            yield child.module or "", place
        elif isinstance(child, ast.FunctionDef):
            yield from imports_in(child, child.name)
        elif isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING":
            yield from imports_in(child, "types")
        else:
            yield from imports_in(child, place)


OURS = [found for found in imports_of(ROOT / "torchpipe") if found.importer]


def test_every_part_imports_only_what_is_below_it():
    wrong = [
        found
        for found in OURS
        if found.target
        and found.target.partition(".")[0] not in {found.part, *BELOW[found.part]}
        and found != Import("graph.pipeline", "torchpipe.engine.run", found.place)
    ]
    assert wrong == []


def test_the_core_never_goes_through_the_public_names():
    core = {"errors", "graph", "engine", "cells"}
    assert [found for found in OURS if found.module == "torchpipe" and found.part in core] == []


def test_the_only_arrow_up_is_that_a_pipeline_can_run():
    up = [found for found in OURS if found.part == "graph" and found.target.startswith("engine")]
    assert up == [
        Import("graph.pipeline", "torchpipe.engine.run", "types"),
        Import("graph.pipeline", "torchpipe.engine.run", "run"),
    ]


def test_every_part_has_its_place():
    package = ROOT / "torchpipe"
    parts = {path.stem for path in package.iterdir() if path.suffix == ".py" or is_package(path)}
    assert parts - {"__init__", "_recipes"} <= BELOW.keys()


def is_package(path: Path) -> bool:
    return (path / "__init__.py").is_file()


@pytest.mark.parametrize(("library", "homes"), HOMES.items())
def test_a_library_is_imported_only_where_it_belongs(library, homes):
    wrong = [
        found
        for found in OURS
        if found.module.partition(".")[0] == library
        and not any(f"{found.importer}.".startswith(f"{home}.") for home in homes)
        and found.place != "types"
    ]
    assert wrong == []


def test_the_engine_imports_torch_only_when_it_must():
    found = {found.place for found in OURS if found.module == "torch" and found.part == "engine"}
    assert found
    assert "" not in found


def test_only_one_function_imports_ray_serve():
    found = {(found.importer, found.place) for found in OURS if found.module == "ray"}
    assert {pair for pair in found if pair[0].startswith("serve")} == {
        ("serve.ray_serve", "deployment")
    }


def test_the_package_itself_imports_nothing():
    file = ROOT / "torchpipe" / "__init__.py"
    loaded = {module for module, place in imports_in(read(file)) if place != "types"}
    assert loaded == {"__future__", "importlib", "typing"}


def test_recipes_use_the_public_names_only():
    used = {found.module for found in imports_of(ROOT / "recipes")}
    ours = {module for module in used if module.partition(".")[0] == "torchpipe"}
    assert ours <= PUBLIC | {f"torchpipe.{name}" for name in torchpipe.__all__}


def test_modules_import_each_other_in_one_order():
    """Reading the core top down is possible: no two modules need each other when they load."""
    needs: dict[str, set[str]] = {}
    for found in OURS:
        if found.place == "" and found.target:
            needs.setdefault(found.importer, set()).add(found.target)
    order = list(TopologicalSorter(needs).static_order())
    assert order.index("graph.port") < order.index("graph.cell") < order.index("graph.pipeline")
    assert order.index("graph.check") < order.index("engine.run")


def modules(package: Path) -> set[str]:
    """What is in a package: its modules, and the packages within it."""
    own = {path.stem for path in package.glob("*.py")}
    return own | {path.parent.name for path in package.glob("*/__init__.py")}


def reading_order(package: Path) -> list[str]:
    """The words of a package's reading order: the names of its modules, and others."""
    told = ast.get_docstring(read(package / "__init__.py")) or ""
    return re.findall(r"\w+", told.partition("Reading order:")[2])


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.name)
def test_the_reading_order_of_a_package_names_all_its_modules(package: Path):
    assert modules(package) - {"__init__", "__main__", "_recipes"} <= set(reading_order(package))


@pytest.mark.parametrize("name", IN_ORDER)
def test_no_module_of_the_engine_needs_one_that_is_read_later(name: str):
    words = reading_order(ROOT / "torchpipe" / name.replace(".", "/"))
    needs = {
        (found.importer.rpartition(".")[2], found.target.rpartition(".")[2])
        for found in OURS
        if found.importer.rpartition(".")[0] == found.target.rpartition(".")[0] == name
        and found.place == ""
    }
    assert needs
    assert [pair for pair in needs if words.index(pair[0]) < words.index(pair[1])] == []


@pytest.mark.parametrize("folder", ["torchpipe", "recipes"])
def test_a_file_has_at_most_250_lines(folder):
    files = (path for path in (ROOT / folder).rglob("*.py") if "node_modules" not in path.parts)
    lines = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {path: count for path, count in lines.items() if count > 250} == {}


@pytest.mark.parametrize("folder", ["torchpipe", "recipes", "tests"])
def test_no_module_has_a_vague_name(folder):
    files = (path for path in (ROOT / folder).rglob("*") if "node_modules" not in path.parts)
    names = {path.stem for path in files}
    assert not names & VAGUE
