"""Which types may be connected: a lenient reading of annotations.

Only what is certainly wrong is refused: two classes of which neither the first is the second nor
derives from it. Whatever cannot be judged from the annotations alone is accepted.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, TypeGuard, Union, get_args, get_origin, get_type_hints


def fits(given: Any, expected: Any) -> bool:
    """Whether a value of type `given` may go where `expected` is wanted.

    >>> fits(bool, int), fits(int, float), fits(str, int), fits(int, int | None)
    (True, True, False, True)
    """
    given, expected = bare(given), bare(expected)
    if given is Any or expected is Any:  # since Python 3.11, Any is a class
        return True
    if is_union(expected):
        return any(fits(given, option) for option in get_args(expected))
    if is_union(given):
        return any(fits(option, expected) for option in get_args(given))
    if not (inspect.isclass(given) and inspect.isclass(expected)):
        return True
    if given is object or (expected in (float, complex) and issubclass(given, int | float)):
        return True
    try:
        return issubclass(given, expected)
    except TypeError:  # a Protocol with data members
        return True


def unannotated(hint: Any) -> Any:
    """Drop the metadata of `Annotated`."""
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def bare(hint: Any) -> Any:
    """Drop what cannot be checked: metadata, and the parameters of generic types."""
    hint = unannotated(hint)
    if hint is None:
        return type(None)
    return hint if is_union(hint) else get_origin(hint) or hint


def is_union(hint: Any) -> bool:
    """Whether the hint is `A | B` or `Optional[A]`."""
    return get_origin(hint) in (Union, types.UnionType)


def is_named_tuple(hint: Any) -> TypeGuard[type[Any]]:
    """Whether the hint is a class made by `typing.NamedTuple` or `namedtuple`."""
    return inspect.isclass(hint) and issubclass(hint, tuple) and hasattr(hint, "_fields")


def yielded(hint: Any) -> Any:
    """The type of what a generator yields: T of `Iterator[T]`, or `Any`."""
    hint = unannotated(hint)
    if get_origin(hint) in (Iterator, Iterable, Generator) and get_args(hint):
        return get_args(hint)[0]
    return Any


def hints_of(owner: Callable[..., Any]) -> dict[str, Any]:
    """The type hints of a function or class; those that cannot be resolved are left out."""
    owner = getattr(owner, "__func__", owner)
    while isinstance(owner, partial):
        owner = owner.func
    if not (inspect.isroutine(owner) or inspect.isclass(owner)):
        owner = type(owner).__call__
    try:
        return get_type_hints(owner, include_extras=True)
    except Exception:  # such as a name that exists for type checkers only
        return dict(resolvable(owner))


def resolvable(owner: Any) -> Iterator[tuple[str, Any]]:
    """Those hints that can be resolved, one by one."""
    space = getattr(inspect.unwrap(owner), "__globals__", None)
    space = vars(sys.modules[owner.__module__]) if space is None else space
    for name, hint in owner.__annotations__.items():
        with suppress(Exception):
            alone = types.SimpleNamespace(__annotations__={name: hint})
            yield name, get_type_hints(alone, space, include_extras=True)[name]


def type_name(hint: Any) -> str:
    """A type's name for people: without modules."""
    hint = unannotated(hint)
    if hint is Any:
        return "Any"
    if is_union(hint):
        return " | ".join(type_name(option) for option in get_args(hint))
    arguments = get_args(hint)
    name = getattr(get_origin(hint) or hint, "__name__", str(hint))
    if arguments:
        inner = ", ".join(type_name(argument) for argument in arguments)
        return f"{name}[{inner}]"
    return "None" if hint is type(None) else name


def article(noun: str) -> str:
    """Put "a" or "an" before a type's name."""
    return f"{'an' if noun[:1].lower() in 'aeio' else 'a'} {noun}"
