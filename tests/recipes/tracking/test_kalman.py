import numpy as np

from recipes.tracking.kalman import KalmanFilter

WALK = KalmanFilter(
    motion=np.array([[1.0, 1], [0, 1]]),
    motion_noise=np.diag([0.1, 0.01]),
    measurement_noise=np.array([[4.0]]),
)


def test_predicts_with_the_speed_and_grows_less_sure():
    mean, covariance = WALK.predict(np.array([[3.0, 2]]), np.eye(2)[None])
    np.testing.assert_allclose(mean, [[5, 2]])
    np.testing.assert_allclose(covariance, [[[2.1, 1], [1, 1.01]]])


def test_update_equals_the_textbook():
    mean, covariance, measured = np.array([[5.0, 2]]), np.array([[[2.1, 1], [1, 1.01]]]), 8.0
    gain = covariance[0, :, :1] / (covariance[0, 0, 0] + 4)
    expected = mean[0] + gain[:, 0] * (measured - 5)
    updated, sure = WALK.update(mean, covariance, np.array([[measured]]))
    np.testing.assert_allclose(updated[0], expected)
    np.testing.assert_allclose(sure[0], (np.eye(2) - gain @ [[1, 0]]) @ covariance[0])


def test_tracks_do_not_touch_each_other():
    means, covariances = np.array([[0.0, 1], [9, -1]]), np.stack([np.eye(2), 5 * np.eye(2)])
    both = WALK.update(means, covariances, np.array([[1.0], [7]]))
    for row, measured in enumerate([1.0, 7]):
        alone = WALK.update(means[[row]], covariances[[row]], np.array([[measured]]))
        for together, single in zip(both, alone, strict=True):
            np.testing.assert_array_equal(together[row], single[0])


def test_no_tracks_are_no_problem():
    none = np.zeros((0, 2)), np.zeros((0, 2, 2))
    assert len(WALK.predict(*none)[0]) == len(WALK.update(*none, np.zeros((0, 1)))[0]) == 0


def test_finds_the_speed_of_a_walker():
    mean, covariance = np.array([[0.0, 0]]), 100 * np.eye(2)[None]
    for step in range(1, 60):
        mean, covariance = WALK.predict(mean, covariance)
        mean, covariance = WALK.update(mean, covariance, np.array([[3.0 * step]]))
    np.testing.assert_allclose(mean, [[177, 3]], rtol=1e-3)
