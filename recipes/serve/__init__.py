"""Two services, digits and people in videos: `torchpipe serve serve tracker`."""

from .digit_reader import DigitReader
from .tracker import Tracker

recipe = DigitReader
commands = {"digits": DigitReader, "tracker": Tracker}  # torchpipe serve serve digits

__all__ = ["DigitReader", "Tracker", "commands", "recipe"]
