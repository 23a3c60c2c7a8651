"""The command line: `torchpipe run | profile | graph | serve | dashboard | recipes | cp`.

Reading order: command, target, recipes, options, adjust, progress, summary, profile, listening,
serving, live. Nothing here imports torch; a target may.
"""

from torchpipe.cli.command import main

__all__ = ["main"]
