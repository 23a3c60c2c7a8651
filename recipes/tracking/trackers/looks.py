"""What tracks look like: remembered, and compared with what is found.

A moving average of looks, and their cosine, as in "Towards Real-Time Multi-Object Tracking" (JDE,
Wang et al. 2020, https://arxiv.org/abs/1909.12605).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..boxes import Floats, Integers


@dataclass(frozen=True)
class ReId:
    """How much it matters what tracks look like.

    The likeness of a track and a detection is the cosine of their looks. Where the two overlap at
    all, it changes how well they go together, by `weight * (likeness - level)`.

    Attributes:
        weight: How much likeness counts, beside the overlap, which counts 1: a ratio.
        level: The likeness, a cosine, that says nothing. The defaults are for colours: see
            `appearance`.
        memory: The share that a track's look keeps when it is found; the new look adds the rest.

    Example:
        >>> ReId(weight=0.8, level=0.65)
        ReId(weight=0.8, level=0.65, memory=0.9)
    """

    weight: float = 0.8
    level: float = 0.65
    memory: float = 0.9


class LookMemory:
    """The looks of tracks, by id: vectors of length 1.

    Example:
        >>> memory = LookMemory(ReId(weight=1.0, level=0.5))
        >>> memory.learn(np.array([7]), np.array([[1.0, 0.0]]))
        >>> memory.favour(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([7])).tolist()
        [[0.5], [-0.5]]
    """

    def __init__(self, reid: ReId):
        self._reid = reid
        self._looks: dict[int, Floats] = {}

    def favour(self, looks: Floats, ids: Integers) -> Floats:
        """Returns how much looks speak for each pair, or against it: `(N, M)`.

        It is 0 where a look is not known.

        Args:
            looks: `(N, any)`, of length 1, or zeros.
            ids: `(M,)`: of tracks.
        """
        known = np.zeros((len(ids), looks.shape[1]))
        for row, who in enumerate(ids.tolist()):
            known[row] = self._looks.get(who, 0.0)
        likeness = looks @ known.T
        favour: Floats = self._reid.weight * (likeness - self._reid.level)
        favour[~looks.any(axis=1)] = 0
        favour[:, ~known.any(axis=1)] = 0
        return favour

    def learn(self, ids: Integers, looks: Floats) -> None:
        """Notes what tracks, ids `(N,)`, look like now: `(N, any)`."""
        share = self._reid.memory
        for who, look in zip(ids.tolist(), looks, strict=True):
            if look.any():
                mixed = (
                    share * self._looks[who] + (1 - share) * look if who in self._looks else look
                )
                self._looks[who] = mixed / np.linalg.norm(mixed)

    def keep(self, ids: Integers) -> None:
        """Forgets all tracks but these, ids `(N,)`."""
        if len(self._looks) > len(ids):
            self._looks = {who: self._looks[who] for who in ids.tolist() if who in self._looks}

    def state_dict(self) -> dict[str, Any]:
        """Returns copies of all looks, and whose they are, as arrays."""
        looks = np.array([*self._looks.values()]) if self._looks else np.zeros((0, 0))
        return {"look_ids": np.array([*self._looks], np.int64), "looks": looks}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where `state_dict` was called; the arrays are copied."""
        looks = np.array(state["looks"], np.float64)
        self._looks = dict(zip(np.asarray(state["look_ids"]).tolist(), looks, strict=True))
