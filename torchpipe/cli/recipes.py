"""The recipes that come with torchpipe: where they are, what they do, copies of them."""

from __future__ import annotations

import ast
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torchpipe
from torchpipe.errors import UsageError

BESIDE = re.compile(r"^(from )\.\.(\w+)", re.MULTILINE)
"""An import from another recipe."""

WITHOUT = shutil.ignore_patterns("__pycache__")


@dataclass(frozen=True)
class Recipe:
    """A package with a pipeline named `recipe`.

    Attributes:
        folder: Where it is.
    """

    folder: Path

    @property
    def name(self) -> str:
        """The folder's name."""
        return self.folder.name

    @property
    def description(self) -> str:
        """The first line of its docstring; the recipe is not imported."""
        tree = ast.parse((self.folder / "__init__.py").read_text(encoding="utf-8"))
        return (ast.get_docstring(tree) or "").partition("\n")[0]


def recipes() -> list[Recipe]:
    """All recipes: within the package in a wheel, beside it in a checkout."""
    package = Path(torchpipe.__file__).parent
    installed, checkout = package / "_recipes", package.parent / "recipes"
    is_checkout = (package.parent / "pyproject.toml").is_file()
    folder = checkout if is_checkout and not installed.is_dir() else installed
    return [Recipe(file.parent) for file in sorted(folder.glob("*/__init__.py"))]


def described() -> list[str]:
    """One line for each recipe."""
    found = recipes()
    width = max((len(recipe.name) for recipe in found), default=0)
    return [f"{recipe.name:<{width}}  {recipe.description}".rstrip() for recipe in found]


def copy(name: str, folder: Path) -> str:
    """Copy a recipe into a new folder, to edit it there; with it those that it builds on.

    Returns:
        How to run the copy.
    """
    found = {recipe.name: recipe for recipe in recipes()}
    if name not in found:
        names = ", ".join(found) or "none"
        raise UsageError(f"there is no recipe {name!r}; there are: {names}.")
    if folder.exists():
        raise UsageError(f"cannot copy to {folder}: it exists. Name a folder to make.")
    try:
        copy_whole(found[name].folder, folder.absolute())
    except OSError as error:
        raise UsageError(f"cannot copy to {folder}: {error.strerror or error}.") from error
    shown = folder if len(folder.parts) > 1 else f"./{folder}"
    return f"Copied to {shown}. Run it: torchpipe run {shown} --help"


def copy_whole(source: Path, folder: Path) -> None:
    """Copy a folder, completely or not at all."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as beside:
        made = Path(beside, folder.name)
        shutil.copytree(source, made, ignore=WITHOUT)
        take_along(source.parent, made)
        made.rename(folder)


def take_along(recipes: Path, made: Path) -> None:
    """Copy the recipes that a copy builds on into it: `from ..other` is then `from .other`."""
    for file in made.glob("*.py"):
        text = file.read_text(encoding="utf-8")
        for _, name in BESIDE.findall(text):
            shutil.copytree(recipes / name, made / name, ignore=WITHOUT, dirs_exist_ok=True)
        file.write_text(BESIDE.sub(r"\1.\2", text), encoding="utf-8")
