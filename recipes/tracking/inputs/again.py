"""What is live may disappear and return."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from torchpipe.errors import UsageError

from ..video import Picture
from .input import Input


@dataclass(frozen=True)
class Again:
    """How to go on when a camera or stream is gone: connect again, a limited number of times.

    The frames that nobody saw are missing, and the next ones follow as if nothing had been. The
    count of tries starts anew with every frame that arrives.

    Attributes:
        tries: How often to connect again before giving up.
        pause: Seconds before each try.
        wait: What waits; by default, until the time is over or the run stops.

    >>> Again(tries=3, pause=0.5).tries
    3
    """

    tries: int = 30
    pause: float = 1.0
    wait: Callable[[float], object] | None = None

    def pictures(
        self, camera: Input, on_return: Callable[[], None], over: threading.Event
    ) -> Iterator[Picture]:
        """Yields what the camera shows, for ever.

        Args:
            camera: What is live.
            on_return: Called when it is back.
            over: Set when nobody wants to see it any more.

        Raises:
            UsageError: It's gone, and did not return.
        """
        count, failed, wait = 0, 0, self.wait or over.wait
        while failed <= self.tries:
            why = "it ended"
            try:
                for picture in camera.pictures():
                    if failed:
                        on_return()
                    yield picture
                    count, failed = count + 1, 0
            except UsageError as error:
                why = str(error)
            failed += 1
            if failed <= self.tries:
                wait(self.pause)
            if over.is_set():
                return
        raise UsageError(
            f"cannot go on with {camera.name}: it was gone after frame {count} and did not return "
            f"in {self.tries} tries, {self.pause:g} s apart; the last time: {why}"
        )
