"""`Array`: what an annotation may say about a tensor or an array."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Array:
    """The dtype and the shape of a tensor or an array, for those who call a service.

    It stands in an annotation: `image: Annotated[Tensor, Array("uint8", (None, None, 3))]`.
    Requests are checked against it, and clients are told. The engine takes no notice of it.

    Attributes:
        dtype: As NumPy and torch name it: "float32", "uint8", "bool" ... None for any.
        shape: The sizes; None for one that varies. None instead of a tuple for any shape.

    >>> Array("uint8", (None, None, 3)).shape
    (None, None, 3)
    """

    dtype: str | None = None
    shape: tuple[int | None, ...] | None = None

    def problem(self, dtype: str, shape: tuple[int, ...]) -> str | None:
        """What is wrong with an array of this dtype and shape, or None.

        >>> Array("uint8", (None, 3)).problem("uint8", (5, 4))
        'its shape is (5, 4), and (any, 3) is expected'
        """
        if self.dtype is not None and dtype != self.dtype:
            return f"its dtype is {dtype}, and {self.dtype} is expected"
        if self.shape is None or fits(shape, self.shape):
            return None
        wanted = ", ".join("any" if size is None else str(size) for size in self.shape)
        return f"its shape is {shape}, and ({wanted}) is expected"


def fits(shape: tuple[int, ...], wanted: tuple[int | None, ...]) -> bool:
    """Whether a shape has the sizes that are wanted."""
    if len(shape) != len(wanted):
        return False
    return all(one in (None, size) for size, one in zip(shape, wanted, strict=True))
