"""A Kalman filter over many tracks at once: row `i` of every array belongs to track `i`."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class KalmanFilter:
    """A linear model that all tracks share; it has no state of its own.

    Attributes:
        motion: `(states, states)`: one frame onwards.
        motion_noise: `(states, states)`: what one frame adds to the covariance.
        measurement_noise: `(measured, measured)`: the covariance of what is measured, which is the
            first `measured` states.

    Example:
        >>> one = np.eye(1)
        >>> resting = KalmanFilter(motion=one, motion_noise=0 * one, measurement_noise=one)
        >>> nought = np.zeros((1, 1))
        >>> mean, covariance = resting.update(nought, np.ones((1, 1, 1)), measured=nought + 8)
        >>> mean.item(), covariance.item()
        (4.0, 0.5)
    """

    motion: Floats
    motion_noise: Floats
    measurement_noise: Floats

    def predict(self, means: Floats, covariances: Floats) -> tuple[Floats, Floats]:
        """Returns means `(N, states)` and covariances `(N, states, states)` one frame later."""
        return means @ self.motion.T, self.motion @ covariances @ self.motion.T + self.motion_noise

    def update(self, means: Floats, covariances: Floats, measured: Floats) -> tuple[Floats, Floats]:
        """Returns means and covariances corrected by one measurement per track, `(N, measured)`.

        The covariance is Joseph's form, which stays symmetric and positive whatever the rounding.
        """
        seen = measured.shape[1]
        doubt = covariances[:, :seen, :seen] + self.measurement_noise
        gain = covariances[:, :, :seen] @ np.linalg.inv(doubt)
        means = means + (gain @ (measured - means[:, :seen])[:, :, None])[:, :, 0]
        rest = np.eye(means.shape[1]) - gain @ np.eye(seen, means.shape[1])
        covariances = rest @ covariances @ rest.mT + gain @ self.measurement_noise @ gain.mT
        return means, covariances
