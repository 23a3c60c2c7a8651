"""From the name of a target to the pipeline: a file, a module, or a recipe."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from torchpipe.cli.options import Definition
from torchpipe.cli.recipes import Recipe, recipes
from torchpipe.errors import UsageError
from torchpipe.graph.pipeline import Pipeline


def find(target: str, command: str | None = None) -> Definition:
    """The Pipeline class, or instance, that the target names.

    Args:
        target: A file, a module or a recipe.
        command: Which of a recipe's further pipelines, if any.

    Raises:
        UsageError: There is no such thing. What the import of a user's file raises goes through.
    """
    place, colon, name = target.rpartition(":")
    if not colon:
        return recipe_of(target, command)
    if command is not None:
        raise UsageError(
            f"cannot run {target} {command}: only a recipe has commands. Leave it out."
        )
    if not (place and name):
        raise UsageError(f"cannot read the target {target}: write file.py:Name, or module:Name.")
    module = file_module(place) if place.endswith(".py") else named_module(place)
    if not hasattr(module, name):
        raise UsageError(f"there is no {name!r} in {place}{pipelines_in(module)}.")
    return pipeline_in(target, getattr(module, name))


def pipeline_in(target: str, found: Any) -> Definition:
    """What was found, if it is a pipeline."""
    if isinstance(found, Pipeline) or (isinstance(found, type) and issubclass(found, Pipeline)):
        return found
    kind = "a class" if isinstance(found, type) else f"of type {type(found).__name__}"
    raise UsageError(f"cannot run {target}: it is {kind}, and a Pipeline class is expected.")


def pipelines_in(module: ModuleType) -> str:
    """Name the pipelines that a module defines."""
    names = [
        name
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Pipeline)
        and value.__module__ == module.__name__
    ]
    return f"; pipelines there: {', '.join(names)}" if names else ", and no pipeline"


def file_module(path: str) -> ModuleType:
    """Import a file, as part of its package if it is in one."""
    file = Path(path).resolve()
    if not is_file(file, path):
        raise UsageError(f"cannot read {path}: there is no such file.")
    return imported(file, file.stem)


def is_file(file: Path, name: str) -> bool:
    """Whether it is there.

    Raises:
        UsageError: It cannot be looked at, or its name is longer than any file's.
    """
    try:
        return file.is_file()
    except OSError as error:
        raise UsageError(f"cannot read {name}: {error.strerror}.") from None


def imported(file: Path, name: str) -> ModuleType:
    """Import a file, or a package, under its full name."""
    if "." in name:
        raise UsageError(f"cannot import {file.name}: Python takes a dot for a folder. Rename it.")
    folder = file.parent
    while (folder / "__init__.py").is_file():
        folder, name = folder.parent, f"{folder.name}.{name}"
    sys.path.insert(0, str(folder))
    module = importlib.import_module(name)
    known = Path(module.__file__ or "a part of Python").resolve()
    if file not in (known, known.parent):
        raise UsageError(
            f"cannot import {file.name}: {known} has the same name {name!r}. Rename the file."
        )
    return module


def named_module(name: str) -> ModuleType:
    """Import a module by its name; the current folder is searched first."""
    sys.path.insert(0, str(Path.cwd()))
    missing: str | None = name
    if all(part.isidentifier() for part in name.split(".")):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            missing = error.name
            if missing is None or not f"{name}.".startswith(f"{missing}."):
                raise  # it is there, and imports another one that is not
    raise UsageError(
        f"there is no module {missing!r}. Write file.py:Name, or module:Name for a module that "
        f"Python can import."
    )


def recipe_of(target: str, command: str | None) -> Definition:
    """A pipeline of a recipe, given its name or its folder."""
    folder = Path(target)
    if target.endswith(".py"):
        there = pipelines_in(file_module(target))
        raise UsageError(f"{target} names no pipeline in the file{there}. Write {target}:Name.")
    if len(folder.parts) > 1 or target.startswith("."):
        return pipeline_of(Recipe(folder.resolve()), command)
    known = {recipe.name: recipe for recipe in recipes()}
    if target not in known:
        names = ", ".join(known) or "none"
        raise UsageError(
            f"there is no recipe {target!r}; there are: {names}. Or write file.py:Name, or "
            f"module:Name."
        )
    return pipeline_of(known[target], command)


def pipeline_of(recipe: Recipe, command: str | None) -> Definition:
    """The recipe itself, or one of the further pipelines that it keeps in `commands`."""
    module = loaded(recipe)
    if command is None:
        if not hasattr(module, "recipe"):
            raise UsageError(f"cannot run the recipe {recipe.name!r}: it defines no `recipe`.")
        return pipeline_in(recipe.name, module.recipe)
    commands = getattr(module, "commands", {})
    if command not in commands:
        raise UsageError(
            f"the recipe {recipe.name!r} has no command {command!r}; there are: "
            f"{', '.join(commands) or 'none'}."
        )
    return pipeline_in(f"{recipe.name} {command}", commands[command])


def loaded(recipe: Recipe) -> ModuleType:
    """Import a recipe; what it needs beyond torchpipe may be missing."""
    if not is_file(recipe.folder / "__init__.py", str(recipe.folder)):
        raise UsageError(f"cannot run {recipe.folder}: no recipe is there, with an `__init__.py`.")
    try:
        return imported(recipe.folder, recipe.folder.name)
    except ModuleNotFoundError as error:
        top = (error.name or "").partition(".")[0]
        if top in ("", "torchpipe", "recipes", recipe.name):
            raise  # a mistake in it, or in its copy
        raise UsageError(
            f"cannot run the recipe {recipe.name!r}: the module {error.name!r} is not installed. "
            f"The recipe's README.md says what to install."
        ) from error
