import numpy as np

from recipes.tracking.trackers.kalman import (
    PLACE,
    SPEED,
    believe,
    correct,
    correct_speed,
    noise,
    predict,
)

RANDOM = np.random.default_rng(0)
TURN_ON = np.eye(4) + np.eye(4, k=2)


def beliefs(count=3):
    """Two coordinates of some tracks."""
    some = believe(RANDOM.normal(0, 9, (count, 2)), np.array([1.0, 4]), np.array([9.0, 2]))
    some[:, SPEED] = RANDOM.normal(0, 2, (count, 2))
    return some


def as_matrices(belief):
    """The mean, places then speeds, and the covariance of a filter of all coordinates at once."""
    place, speed, variance, both, speed_variance = belief
    blocks = [[np.diag(variance), np.diag(both)], [np.diag(both), np.diag(speed_variance)]]
    return np.concatenate([place, speed]), np.block(blocks)


def assert_equal(belief, mean, covariance):
    for found, expected in zip(as_matrices(belief), (mean, covariance), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_predict_and_correct_equal_the_textbook():
    before, sure = beliefs(), np.array([2.0, 0.5])
    later = predict(before, noise(np.array([1.0, 2]), np.array([0.1, 0.3])))
    measured = RANDOM.normal(0, 9, (3, 2))
    after = correct(later, measured, sure)
    for row in range(3):
        mean, covariance = as_matrices(before[row])
        mean = TURN_ON @ mean
        covariance = TURN_ON @ covariance @ TURN_ON.T + np.diag([1, 2, 0.1, 0.3])
        assert_equal(later[row], mean, covariance)
        gain = covariance[:, :2] @ np.linalg.inv(covariance[:2, :2] + np.diag(sure))
        mean = mean + gain @ (measured[row] - mean[:2])
        assert_equal(after[row], mean, (np.eye(4) - gain @ np.eye(2, 4)) @ covariance)


def test_correct_speed_equals_the_textbook():
    before = predict(beliefs(), noise(np.ones(2), np.ones(2)))
    measured = RANDOM.normal(0, 2, (3, 1))  # of the first coordinate only
    after = correct_speed(before, measured, np.array([0.3]))
    for row in range(3):
        mean, covariance = as_matrices(before[row])
        seen = np.eye(4)[[2]]
        gain = covariance @ seen.T / (seen @ covariance @ seen.T + 0.3)
        mean = mean + gain @ (measured[row] - seen @ mean)
        assert_equal(after[row], mean, (np.eye(4) - gain @ seen) @ covariance)


def test_none_changes_what_it_is_given():
    given = beliefs()
    kept = given.copy()
    correct_speed(given, np.zeros((3, 2)), np.ones(2))
    predict(given, noise(np.ones(2), np.ones(2)))
    correct(given, np.zeros((3, 2)), np.ones(2))
    np.testing.assert_array_equal(given, kept)


def test_noise_may_differ_from_track_to_track():
    given = beliefs()
    each = np.array([[1.0, 1], [4, 4], [9, 9]])
    together = correct(given, np.zeros((3, 2)), each)
    for row in range(3):
        alone = correct(given[[row]], np.zeros((1, 2)), each[row])
        np.testing.assert_allclose(together[row], alone[0])


def test_no_tracks_are_no_problem():
    none = believe(np.zeros((0, 4)), np.ones(4), np.ones(4))
    assert len(predict(none, noise(np.ones(4), np.ones(4)))) == 0
    assert len(correct(none, np.zeros((0, 4)), np.ones(4))) == 0


def test_finds_the_speed_of_a_walker():
    belief = believe(np.zeros((1, 1)), np.array([100.0]), np.array([100.0]))
    for step in range(1, 60):
        belief = predict(belief, noise(np.array([0.1]), np.array([0.01])))
        belief = correct(belief, np.array([[3.0 * step]]), np.array([4.0]))
    np.testing.assert_allclose(belief[0, [PLACE, SPEED], 0], [177, 3], rtol=1e-3)
