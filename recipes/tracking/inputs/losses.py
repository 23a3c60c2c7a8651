"""`Losses`: what a live input could not give."""

from dataclasses import dataclass


@dataclass
class Losses:
    """What a live input could not give.

    Attributes:
        dropped: Frames that came too quickly and were left out.
        returns: How often the camera was gone and came back.

    >>> Losses(dropped=12).summary()
    {'dropped': '12 frames, to keep up'}
    """

    dropped: int = 0
    returns: int = 0

    def drop(self) -> None:
        self.dropped += 1

    def come_back(self) -> None:
        self.returns += 1

    def summary(self) -> dict[str, str]:
        """What there is to say of it at the end of a run: nothing if nothing was lost."""
        lines = {}
        if self.dropped:
            lines["dropped"] = f"{self.dropped:,} frames, to keep up"
        if self.returns:
            lines["reconnected"] = f"{self.returns:,} x"
        return lines
