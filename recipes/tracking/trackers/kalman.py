"""Kalman filters of things at a steady speed: one for each coordinate of each track.

The filters of SORT, ByteTrack and OC-SORT have diagonal noise and motion that keeps coordinates
apart. So their 7 x 7 or 8 x 8 covariance is four of 2 x 2, and all tracks are a few products away.

After "A New Approach to Linear Filtering and Prediction Problems" (Kalman 1960,
https://doi.org/10.1115/1.3662552).

A belief, `(5, coordinates)`, is what a filter knows of one track; its rows are:

    0  the place               2  the variance of the place
    1  the speed, per frame    3  the covariance of both
                               4  the variance of the speed
"""

import numpy as np

from ..boxes import Floats

PLACE, SPEED = 0, 1
_VARIANCE, _SPEED_VARIANCE = 2, 4
_ONWARDS = np.array(
    [
        [1.0, 1, 0, 0, 0],
        [0, 1, 0, 0, 0],
        [0, 0, 1, 2, 1],
        [0, 0, 0, 1, 1],
        [0, 0, 0, 0, 1],
    ]
)


def believe(places: Floats, variance: Floats, speed_variance: Floats) -> Floats:
    """Returns beliefs `(N, 5, coordinates)` of things at these places, `(N, coordinates)`.

    They rest, as far as is known; the variances say how far: they broadcast to the places.
    """
    beliefs = np.zeros((len(places), 5, places.shape[1]))
    beliefs[:, PLACE] = places
    beliefs[:, _VARIANCE], beliefs[:, _SPEED_VARIANCE] = variance, speed_variance
    return beliefs


def noise(variance: Floats, speed_variance: Floats) -> Floats:
    """Returns what one frame adds to beliefs, given what it adds to the variances.

    Args:
        variance: `(coordinates,)` or `(N, coordinates)`: of the place.
        speed_variance: Of the speed, `(coordinates,)` or `(N, coordinates)`.

    Returns:
        `(5, coordinates)` or `(N, 5, coordinates)`.
    """
    nothing = np.zeros_like(variance)
    return np.stack([nothing, nothing, variance, nothing, speed_variance], axis=-2)


def predict(beliefs: Floats, noise: Floats) -> Floats:
    """Returns what is believed one frame later: `(N, 5, coordinates)`.

    Args:
        beliefs: `(N, 5, coordinates)`.
        noise: What the frame adds: `(N, 5, coordinates)`, or `(5, coordinates)` for all tracks.
    """
    later: Floats = _ONWARDS @ beliefs + noise
    return later


def correct(beliefs: Floats, measured: Floats, variance: Floats) -> Floats:
    """Returns beliefs, `(N, 5, coordinates)`, corrected by one measurement of the place per track.

    Args:
        beliefs: `(N, 5, coordinates)`.
        measured: `(N, coordinates)`.
        variance: How sure that is, `(N, coordinates)` or what broadcasts to it.
    """
    corrected = beliefs.swapaxes(0, 1).copy()  # arithmetic is faster where rows are together
    place, speed, own, both, fast = corrected
    doubt = own + variance
    gain, speed_gain, surprise = own / doubt, both / doubt, measured - place
    place += gain * surprise
    speed += speed_gain * surprise
    fast -= speed_gain * both
    rest = 1 - gain
    own *= rest
    both *= rest
    return corrected.swapaxes(0, 1)


def correct_speed(beliefs: Floats, measured: Floats, variance: Floats) -> Floats:
    """Returns beliefs, `(N, 5, coordinates)`, corrected by a measurement of the speed per track.

    Args:
        beliefs: `(N, 5, coordinates)`.
        measured: `(N, some)`: the speeds of the first coordinates; the others stay as they are.
        variance: How sure that is, `(N, some)` or what broadcasts to it.
    """
    corrected = beliefs.copy()
    place, speed, own, both, fast = corrected[:, :, : measured.shape[1]].swapaxes(0, 1)
    doubt = fast + variance
    gain, speed_gain, surprise = both / doubt, fast / doubt, measured - speed
    place += gain * surprise
    speed += speed_gain * surprise
    own -= gain * both
    both *= 1 - speed_gain
    fast *= 1 - speed_gain
    return corrected
