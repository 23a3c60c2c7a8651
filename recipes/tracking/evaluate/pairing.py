"""What all metrics look at: who is there, whom the tracker shows, how they overlap."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..boxes import Floats, Integers


@dataclass(frozen=True)
class Frame:
    """One frame of a sequence. Its people and tracks have numbers in the whole sequence, from 0.

    Attributes:
        people: `(N,)`: who is there, by the ground truth.
        tracks: `(M,)`: the tracks that are shown.
        overlap: `(N, M)`: the intersection over union of their boxes.
    """

    people: Integers
    tracks: Integers
    overlap: Floats


@dataclass(frozen=True)
class Pairing:
    """A sequence: the ground truth beside what a tracker made of it.

    Attributes:
        frames: All frames, in order.
        people_seen: `(people,)`: in how many frames each person is; 1 or more.
        tracks_seen: `(tracks,)`: in how many frames each track is; 1 or more.

    Example:
        >>> found = Frame(np.array([0]), np.array([0, 1]), overlap=np.array([[0.9, 0.1]]))
        >>> Pairing.of([found, found]).tracks_seen
        array([2, 2])
    """

    frames: Sequence[Frame]
    people_seen: Integers
    tracks_seen: Integers

    @classmethod
    def of(cls, frames: Sequence[Frame]) -> "Pairing":
        """Counts who is in these frames."""
        people = np.concatenate([frame.people for frame in frames] or [np.zeros(0, np.int64)])
        tracks = np.concatenate([frame.tracks for frame in frames] or [np.zeros(0, np.int64)])
        return cls(frames, np.bincount(people), np.bincount(tracks))
