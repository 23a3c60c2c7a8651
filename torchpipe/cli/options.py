"""The parameters of a pipeline's constructor as options of the command line."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, Literal, Union, get_args, get_origin

from torchpipe.errors import UsageError
from torchpipe.graph.pipeline import Pipeline
from torchpipe.graph.types import article, bare, hints_of, is_union, type_name, unannotated

Definition = Pipeline | type[Pipeline]
Reader = Callable[[str], Any]

READERS: dict[Any, Reader] = {int: int, float: float, str: str, Path: Path}
TAKES_ALL: list[Reader] = [str, Path]  # any text fits, so they are tried last
RESERVED = (
    *("set", "scale", "window", "seed", "items", "ray_address", "report", "profile"),
    *("budget", "per_plan", "format", "help"),
)
REQUIRED = inspect.Parameter.empty


@dataclass(frozen=True)
class Option:
    """One parameter of a constructor.

    Attributes:
        name: The parameter's name.
        hint: Its type.
        default: Its default, or `REQUIRED`.
        doc: What the docstring says about it.
    """

    name: str
    hint: Any
    default: Any
    doc: str

    @property
    def settings(self) -> dict[str, Any]:
        """What argparse is to know about it."""
        settings: dict[str, Any] = {"dest": f"constructor.{self.name}", "help": self.help}
        settings |= {"required": self.default is REQUIRED, "default": argparse.SUPPRESS}
        if self.is_flag:
            return settings | {"action": argparse.BooleanOptionalAction}
        kind = element(self.hint)
        several = {"nargs": "+"} if takes_several(self.hint) else {}
        return settings | several | {"type": reader(kind), "metavar": metavar(kind)}

    @property
    def is_flag(self) -> bool:
        """Whether it is a bool, and so takes no value."""
        kinds = alternatives(self.hint)
        return bool in kinds and all(kind in (bool, NoneType) for kind in kinds)

    @property
    def help(self) -> str:
        """The description, and the default."""
        plain = self.default is REQUIRED or self.default is None or self.default is False
        text = self.doc if plain else f"{self.doc} (default: {self.default})".strip()
        return text.replace("%", "%%")


def add_options(parser: argparse.ArgumentParser, definition: Definition) -> None:
    """Give the parser an option for each parameter of the constructor."""
    if isinstance(definition, Pipeline):
        return
    group = parser.add_argument_group(f"options of {definition.__name__}")
    for option in options_of(definition):
        group.add_argument(f"--{option.name.replace('_', '-')}", **option.settings)


def made(definition: Definition, given: argparse.Namespace) -> Pipeline:
    """The pipeline, made with the options that were given."""
    if isinstance(definition, Pipeline):
        return definition
    options = vars(given).items()
    prefix = "constructor."
    return definition(
        **{name.removeprefix(prefix): value for name, value in options if name.startswith(prefix)}
    )


def options_of(definition: type[Pipeline]) -> Iterator[Option]:
    """The parameters of the constructor that text can give; others keep their defaults.

    Raises:
        UsageError: One that is needed cannot be given as text, or has a name that is taken.
    """
    make: Any = definition.__init__
    hints = hints_of(make)
    docs = argument_docs(make.__doc__ or "") | argument_docs(definition.__doc__ or "")
    for name, parameter in list(inspect.signature(make).parameters.items())[1:]:
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        hint = unannotated(hints.get(name, kind_of(parameter.default)))
        option = Option(name, hint, parameter.default, docs.get(name, ""))
        refuse(definition, option)
        if option.is_flag or can_read(hint):
            yield option


def refuse(definition: type[Pipeline], option: Option) -> None:
    """Refuse a parameter that cannot become an option, and has to."""
    if option.name in RESERVED:
        raise UsageError(
            f"cannot run {definition.__name__}: its parameter {option.name!r} has the name of an "
            f"option that every pipeline has. Rename it."
        )
    if option.default is REQUIRED and not (option.is_flag or can_read(option.hint)):
        raise UsageError(
            f"cannot run {definition.__name__}: its parameter {option.name!r} is "
            f"{article(type_name(option.hint))}, which no text can give. Give it a default, or "
            f"name an instance of the pipeline as the target."
        )


def kind_of(default: Any) -> Any:
    """The type of a parameter that has no annotation."""
    return str if default is REQUIRED or default is None else type(default)


def members(hint: Any) -> tuple[Any, ...]:
    """The types in a union, or the only one."""
    return get_args(hint) if is_union(hint) else (hint,)


def alternatives(hint: Any) -> list[Any]:
    """The types in a union, or the only one, without their parameters."""
    return [bare(kind) for kind in members(hint)]


def takes_several(hint: Any) -> bool:
    """Whether several values may be given: `list[T]`, alone or in a union."""
    return any(get_origin(kind) is list for kind in members(hint))


def element(hint: Any) -> Any:
    """The type of one value: for a list, that of what is in it."""
    if not takes_several(hint):
        return hint
    kinds = [get_args(kind)[0] if get_origin(kind) is list else kind for kind in members(hint)]
    return Union[tuple(kind for kind in kinds if kind is not NoneType)]  # noqa: UP007 - no literal


def literals(hint: Any) -> dict[str, Any]:
    """The choices in a Literal, by their text."""
    found = [get_args(kind) for kind in members(hint) if get_origin(kind) is Literal]
    return {str(choice): choice for choices in found for choice in choices}


def can_read(hint: Any) -> bool:
    """Whether text can give a value of this type."""
    kind = element(hint)
    return bool(literals(kind)) or any(one in READERS for one in alternatives(kind))


def metavar(hint: Any) -> str:
    """What the help shows in place of the value."""
    kinds = [kind.__name__.upper() for kind in alternatives(hint) if kind in READERS]
    return "|".join([*literals(hint), *kinds]).replace("STR", "TEXT")


def reader(hint: Any) -> Reader:
    """What makes a value of this type from text."""
    choices, kinds = literals(hint), alternatives(hint)
    readers = sorted((READERS[k] for k in kinds if k in READERS), key=TAKES_ALL.__contains__)

    def read(text: str) -> Any:
        if text in choices:
            return choices[text]
        if text.lower() == "none" and NoneType in kinds and str not in kinds:
            return None
        for make in readers:
            try:
                return make(text)
            except ValueError:
                continue
        wanted = article(type_name(hint)) if readers else f"one of {', '.join(choices)}"
        raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}")

    return read


def description(definition: Definition) -> str:
    """The first paragraph of the pipeline's docstring; nothing if that is `Pipeline`'s own."""
    found = inspect.getdoc(definition)
    return "" if found in (None, inspect.getdoc(Pipeline)) else found.partition("\n\n")[0]


def argument_docs(docstring: str) -> dict[str, str]:
    """What the `Args:` section of a Google docstring says, by name."""
    section = re.search(r"^Args:\n((?:[ \t]+.*\n?|\n)*)", inspect.cleandoc(docstring), re.M)
    text = inspect.cleandoc(section[1]) if section else ""
    entries = re.finditer(r"^\*{0,2}(\w+)(?: \([^)]*\))?:((?:.*\n?)(?:[ \t]+.*\n?)*)", text, re.M)
    return {entry[1]: " ".join(entry[2].split()) for entry in entries}
