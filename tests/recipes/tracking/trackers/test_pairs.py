import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.optimize import linear_sum_assignment

from recipes.tracking.trackers.pairs import best, cheapest, clear, others

SHARES = st.floats(0, 1)


def matrices():
    shapes = array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=5)
    return shapes.flatmap(lambda shape: arrays(np.float64, shape, elements=SHARES))


def as_list(pairs):
    return list(zip(*map(np.ndarray.tolist, pairs), strict=True))


@given(matrices(), SHARES)
def test_cheapest_makes_the_sum_of_cost_less_the_limit_least(cost, limit):
    """The same with a place beside each row and column, for those that stay alone."""
    rows, columns = cost.shape
    wide = np.full((rows + columns, rows + columns), limit / 2)
    wide[:rows, :columns], wide[rows:, columns:] = cost, 0
    row, column = linear_sum_assignment(wide)
    made = as_list(cheapest(cost, limit))
    total = sum(cost[pair] - limit for pair in made) + limit * (rows + columns) / 2
    np.testing.assert_allclose(total, wide[row, column].sum(), atol=1e-9)
    assert all(cost[pair] < limit for pair in made)


def test_a_pair_above_the_limit_hinders_no_other():
    cost = np.array([[0.1, 0.3], [0.2, 0.95]])
    assert as_list(cheapest(cost, limit=0.9)) == [(0, 1), (1, 0)]
    assert as_list(cheapest(np.array([[0.1, 0.85], [0.85, 5.0]]), limit=0.9)) == [(0, 0)]


def test_clear_where_nothing_overlaps_two_others():
    assert as_list(clear(np.array([[0.1, 0.9], [0.4, 0.3]]), least=0.3)) == [(0, 1), (1, 0)]
    assert clear(np.array([[0.5, 0.9], [0.4, 0.3]]), least=0.3) is None
    assert clear(np.array([[0.1, 0.3]]), least=0.3) is None


def test_best_takes_pairs_by_score_and_drops_them_by_overlap():
    score, overlap = np.array([[1.0, 2.0], [1.5, 1.0]]), np.array([[0.9, 0.2], [0.3, 0.9]])
    assert as_list(best(score, overlap, least=0.3)) == [(1, 0)]


@given(st.integers(0, 6), st.sets(st.integers(0, 5)))
def test_others_are_those_that_are_not_taken(count, some):
    taken = np.array(sorted(number for number in some if number < count), int)
    assert others(count, taken).tolist() == sorted(set(range(count)) - set(taken.tolist()))
