"""Who belongs to whom: pairs of rows and columns of a matrix.

Pairs are two arrays, `(K,)` each: the rows and the columns. They are found by SciPy, after "On
Implementing 2D Rectangular Assignment Algorithms" (Crouse 2016,
https://doi.org/10.1109/TAES.2016.140952).
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from ..boxes import Floats, Integers

Pairs = tuple[Integers, Integers]
NONE: Pairs = (np.zeros(0, np.int64), np.zeros(0, np.int64))


def cheapest(cost: Floats, limit: float) -> Pairs:
    """Pairs up what is worth it: least in the sum of cost - limit.

    A pair that costs the limit or more is not made. It is not the same as the cheapest of all
    pairings without those above the limit: here they hinder no other.

    Args:
        cost: `(N, M)`.
        limit: In the unit of the cost, a ratio.

    Returns:
        Rows, `(K,)`, and their columns, `(K,)`.

    Example:
        >>> cheapest(np.array([[0.2, 0.8], [0.9, 0.9]]), limit=0.7)
        (array([0]), array([0]))
    """
    if not cost.size:
        return NONE
    row, column = linear_sum_assignment(np.minimum(cost, limit))
    made = cost[row, column] < limit
    return (row, column) if made.all() else (row[made], column[made])


def clear(overlap: Floats, least: float) -> Pairs | None:
    """Pairs up what overlaps more than the least, if nothing overlaps two others so; else None.

    Args:
        overlap: `(N, M)`.
        least: A ratio, as the overlap is.

    Returns:
        Rows, `(K,)`, and their columns, `(K,)`.
    """
    near = overlap > least
    if not near.any():
        return None
    if near.sum(axis=0).max() > 1 or near.sum(axis=1).max() > 1:
        return None
    return np.nonzero(near)  # type: ignore[return-value]


def best(score: Floats, overlap: Floats, least: float) -> Pairs:
    """Pairs up all for the largest sum of scores, then drops those that hardly overlap.

    Args:
        score: `(N, M)`.
        overlap: `(N, M)`.
        least: A ratio, as the overlap is.

    Returns:
        Rows, `(K,)`, and their columns, `(K,)`.

    Example:
        >>> overlap = np.array([[0.9, 0.6], [0.6, 0.1]])
        >>> best(overlap, overlap, least=0.3)
        (array([0, 1]), array([1, 0]))
    """
    if not score.size:
        return NONE
    row, column = linear_sum_assignment(score, maximize=True)
    made = overlap[row, column] >= least
    return (row, column) if made.all() else (row[made], column[made])


def others(count: int, taken: Integers) -> NDArray[Any]:
    """Returns which of the first `count` rows are not taken, in order: `(count - K,)`.

    Args:
        count: How many rows there are.
        taken: `(K,)`, each once.
    """
    if len(taken) == count:
        return NONE[0]
    free = np.ones(count, bool)
    free[taken] = False
    return free.nonzero()[0]
