"""The command line: `torchpipe run | profile | graph | serve | dashboard | doctor ...`.

Reading order: command, target, recipes, numbers, options, adjust, progress, summary, profile,
listening, serving, live; requirements and doctor (what is installed). Nothing here imports torch; a
target may.
"""

from torchpipe.cli.command import main

__all__ = ["main"]
