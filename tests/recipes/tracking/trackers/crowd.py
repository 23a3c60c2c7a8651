"""Crowds that make it hard: they walk through each other, are missed, and found where nobody is."""

import numpy as np


def crowd(seed, frames=60):
    """Yields boxes `(N, 4)` and scores `(N,)` of each frame; nobody is seen much in every third."""
    random = np.random.default_rng(seed)
    count = random.integers(2, 7)
    places, speeds = random.uniform(0, 120, (count, 2)), random.normal(0, 3, (count, 2))
    widths = random.uniform(20, 50, (count, 1))
    for frame in range(frames):
        speeds = speeds + random.normal(0, 0.6, speeds.shape)
        speeds[(places < 0) | (places > 150)] *= -1
        places = places + speeds
        seen = random.random(count) < (0.25 if frame // 40 % 3 == 1 else 0.85)
        corner = places[seen] + random.normal(0, 2, (seen.sum(), 2))
        size = widths[seen] * [1, 2] * random.uniform(0.9, 1.1, (seen.sum(), 2))
        false = random.integers(0, 3)
        corner = np.concatenate([corner, random.uniform(0, 150, (false, 2))])
        size = np.concatenate([size, random.uniform(15, 60, (false, 2))])
        scores = random.choice([0.05, 0.3, 0.6, 0.65, 0.7, 0.9, random.random()], len(corner))
        yield np.concatenate([corner, corner + size], axis=1), scores
