"""Four short ones: `torchpipe run examples`, and with `stocks`, `texts` or `audio` after it."""

from .audio import Tempo
from .stocks import Strength
from .texts import Search
from .video import Motion

recipe = Motion
commands = {"stocks": Strength, "texts": Search, "audio": Tempo}  # torchpipe run examples stocks

__all__ = ["Motion", "Search", "Strength", "Tempo", "commands", "recipe"]
