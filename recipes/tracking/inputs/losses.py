"""`Losses`: what an input could not give, or did not have to."""

from dataclasses import dataclass


@dataclass
class Losses:
    """What an input could not give, or did not have to.

    Attributes:
        dropped: Frames that came too quickly and were left out.
        returns: How often the camera was gone and came back.
        gone: Whether it was gone at last, and did not come back.
        left: Whether somebody has seen enough: then the stream ends with the next frame.

    >>> Losses(dropped=12).summary()
    {'dropped': '12 frames, to keep up'}
    """

    dropped: int = 0
    returns: int = 0
    gone: bool = False
    left: bool = False

    def reset(self) -> None:
        self.dropped = self.returns = 0
        self.gone = self.left = False

    def drop(self) -> None:
        self.dropped += 1

    def come_back(self) -> None:
        self.returns += 1

    def leave(self) -> None:
        self.left = True

    def summary(self) -> dict[str, str]:
        """What there is to say of it at the end of a run: nothing if nothing was lost."""
        lines = {}
        if self.dropped:
            lines["dropped"] = f"{self.dropped:,} frames, to keep up"
        if self.returns:
            lines["reconnected"] = f"{self.returns:,} x"
        return lines
