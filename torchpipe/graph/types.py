"""Which types may be connected: a lenient reading of annotations.

Only what is certainly wrong is refused: two classes of which neither the first is the second nor
derives from it. Whatever cannot be judged from the annotations alone is accepted.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Generator, Iterable, Iterator
from typing import Annotated, Any, TypeGuard, Union, get_args, get_origin


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


def bare(hint: Any) -> Any:
    """Drop what cannot be checked: metadata, and the parameters of generic types."""
    if get_origin(hint) is Annotated:
        return bare(get_args(hint)[0])
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
    if get_origin(hint) in (Iterator, Iterable, Generator) and get_args(hint):
        return get_args(hint)[0]
    return Any


def type_name(hint: Any) -> str:
    """A type's name for people: without modules."""
    if hint is Any:
        return "Any"
    if is_union(hint):
        return " | ".join(type_name(option) for option in get_args(hint))
    arguments = get_args(hint)
    name = getattr(get_origin(hint) or hint, "__name__", str(hint))
    if arguments and get_origin(hint) is not None:
        inner = ", ".join(type_name(argument) for argument in arguments)
        return f"{name}[{inner}]"
    return "None" if hint is type(None) else name
