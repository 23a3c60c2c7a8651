"""Two services, digits and people in videos: `torchpipe serve serve tracker`."""

from .digits import Digits
from .tracker import Tracker

recipe = Digits
commands = {"digits": Digits, "tracker": Tracker}  # torchpipe serve serve digits

__all__ = ["Digits", "Tracker", "commands", "recipe"]
