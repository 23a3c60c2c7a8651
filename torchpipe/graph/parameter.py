"""Values of a cell that can be set by name: `Parameter` while running, `Config` before.

Both are descriptors. Their values lie in one dictionary per cell, `_values`. Clones in the same
process share the dictionary of their definition for parameters, so that a change reaches all of
them at once, and have a copy of their own for configs.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from torchpipe.errors import ParameterError
from torchpipe.graph.types import article, fits

if TYPE_CHECKING:
    from torchpipe.graph.cell import Cell

T = TypeVar("T")


class Unset:
    """The value of a parameter that was declared without a default and not set yet."""

    def __repr__(self) -> str:
        return "unset"


UNSET = Unset()


class Setting(Generic[T]):
    """What `Parameter` and `Config` share: a default, limits, and a checked assignment.

    Its arguments are told by `Parameter`.
    """

    kind = "setting"
    store = "_values"

    def __init__(
        self,
        default: T | Unset = UNSET,
        *,
        ge: float | None = None,
        gt: float | None = None,
        le: float | None = None,
        lt: float | None = None,
        choices: Collection[T] | None = None,
        doc: str = "",
    ):
        self.default = default
        self.limits = {"ge": ge, "gt": gt, "le": le, "lt": lt}
        self.choices = None if choices is None else tuple(choices)
        self.doc = doc
        self.name = "a default"
        if not isinstance(default, Unset):
            self.default = self.checked(default)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, cell: None, owner: type) -> Self: ...
    @overload
    def __get__(self, cell: Cell, owner: type) -> T: ...
    def __get__(self, cell: Cell | None, owner: type) -> Any:
        if cell is None:
            return self
        value: T | Unset = cell.__dict__[self.store].get(self.name, self.default)
        return value

    def __set__(self, cell: Cell, value: T) -> None:
        cell.__dict__[self.store][self.name] = self.checked(value, cell)

    def checked(self, value: Any, cell: Cell | None = None) -> T:
        """Return the value, as a float where the default is one.

        Raises:
            ParameterError: The value has another type than the default, or is out of the limits.
        """
        problem = self.problem(value)
        if problem:
            where = f"{cell.path}.{self.name}" if cell is not None else self.name
            raise ParameterError(f"cannot set {where} to {value!r}: {problem}.")
        return float(value) if type(self.default) is float else value  # type: ignore[return-value]

    def problem(self, value: Any) -> str | None:
        """Say what is wrong with the value, or None."""
        expected = type(self.default)
        if value is None and self.default is None:
            return None
        if expected in (bool, int, float, str) and not is_plain(value, expected):
            return f"{article(expected.__name__)} is expected"
        if expected is float and not float_holds(value):
            return "no float is as large"
        if self.choices is not None and value not in self.choices:
            return f"it must be one of {', '.join(map(repr, self.choices))}"
        return self._beyond(value)

    def _beyond(self, value: Any) -> str | None:
        """Say which limit the value breaks; NaN breaks them all."""
        holds = {
            "ge": lambda limit: value >= limit,
            "gt": lambda limit: value > limit,
            "le": lambda limit: value <= limit,
            "lt": lambda limit: value < limit,
        }
        words = {"ge": "at least", "gt": "greater than", "le": "at most", "lt": "less than"}
        given = {name: limit for name, limit in self.limits.items() if limit is not None}
        try:
            if all(holds[name](limit) for name, limit in given.items()):
                return None
        except TypeError:
            return "a number is expected"
        return "it must be " + " and ".join(f"{words[name]} {given[name]}" for name in given)


def is_plain(value: Any, expected: type) -> bool:
    """Whether the value is a bool, int, float or str as expected; a bool is no number."""
    return fits(type(value), expected) and isinstance(value, bool) <= (expected is bool)


def float_holds(value: float) -> bool:
    """Whether an int or a float can be a float."""
    try:
        float(value)
    except OverflowError:
        return False
    return True


class Parameter(Setting[T]):
    """A value that may change while the pipeline runs; every clone follows.

    Args:
        default: The value until another is set. Without one, the pipeline's check asks for it.
        ge: The value must be greater than or equal to this.
        gt: The value must be greater than this.
        le: The value must be less than or equal to this.
        lt: The value must be less than this.
        choices: The only values allowed.
        doc: One line for people, shown by the command line and on the live page.

    Raises:
        ParameterError: The default is out of the limits; likewise any value that is set.

    >>> import torchpipe as tp
    >>> class Threshold(tp.Cell):
    ...     level = tp.Parameter(0.5, ge=0.0, le=1.0)
    ...     def forward(self, x: float) -> bool:
    ...         return x > self.level
    >>> cell = Threshold()
    >>> cell.level = 0.9
    >>> cell(0.7)
    False
    """

    kind = "parameter"


class Config(Setting[T]):
    """A value that is fixed while the pipeline runs and may differ from clone to clone.

    It is set in the definition, or for one clone with `ThreadClone(config={"name": value})`; what
    is set in the definition while a run goes on is for later runs. What it may be given is told by
    `Parameter`.

    Raises:
        ParameterError: The default is out of the limits; likewise any value that is set, or when
            a cell sets its own while it runs.

    >>> import torchpipe as tp
    >>> class Detect(tp.Cell):
    ...     precision = tp.Config("fp32", choices=("fp32", "fp16"))
    >>> detect = tp.ScaleUp(Detect(), [tp.ThreadClone(config={"precision": "fp16"})])
    >>> detect.cell.precision
    'fp32'
    """

    kind = "config"
    store = "_configs"

    def __set__(self, cell: Cell, value: T) -> None:
        if cell._deployed:
            raise ParameterError(
                f"cannot set {cell.path}.{self.name} to {value!r}: it is a Config, fixed while the "
                f"pipeline runs. Set it before `run()`, or declare it as tp.Parameter."
            )
        super().__set__(cell, value)


def settings(cell: Cell, kind: type[Setting[Any]] = Setting) -> dict[str, Setting[Any]]:
    """All parameters and configs of a cell, by name, those of base classes first."""
    found: dict[str, Setting[Any]] = {}
    for owner in reversed(cell._declaring.__mro__):
        found |= {name: item for name, item in vars(owner).items() if isinstance(item, kind)}
    return found
