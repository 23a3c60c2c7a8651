"""The command line: `torchpipe run | profile | graph | serve | dashboard | doctor ...`.

Reading order: command, parser, target, recipes, numbers, options, adjust, progress, summary,
running, profile, listening, serving, live; requirements and doctor (what is installed). Nothing
here imports torch; a target may.
"""

from torchpipe.cli.command import main

__all__ = ["main"]
