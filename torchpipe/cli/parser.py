"""The parser of a command line: its errors are one line."""

from __future__ import annotations

import argparse
from typing import Any, NoReturn

from torchpipe.cli.options import Definition, add_options, description
from torchpipe.errors import UsageError


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line, and that takes no abbreviations."""

    def __init__(self, **options: Any):
        super().__init__(
            allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **options
        )

    def error(self, message: str) -> NoReturn:
        """Raise instead of exit."""
        raise UsageError(f"{message}. See `{self.prog} --help`.")


def target_parser(*words: str | None, definition: Definition) -> Parser:
    """The parser for the options of a target, which the words before them name."""
    prog = " ".join(["torchpipe", *filter(None, words)])
    parser = Parser(prog=prog, description=description(definition))
    add_options(parser, definition)
    return parser
