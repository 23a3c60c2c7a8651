"""The command line: `torchpipe run | graph | serve | recipes | cp`.

Reading order: command, target, recipes, options, adjust, progress, summary, serving. Nothing here
imports torch; a target may.
"""

from torchpipe.cli.command import main

__all__ = ["main"]
