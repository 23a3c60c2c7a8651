"""The options of a command that listens on a port: `serve` and `dashboard`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from typing import Any

from torchpipe.cli.numbers import whole
from torchpipe.errors import UsageError


def add_group(
    parser: argparse.ArgumentParser, what: str, verb: str, add: Callable[[Any], None]
) -> None:
    """Add options under a heading, beside those of the pipeline; `verb` is what the command does.

    Raises:
        UsageError: The pipeline has a parameter of the same name.
    """
    try:
        add(parser.add_argument_group(f"options of the {what}"))
    except argparse.ArgumentError as error:
        raise UsageError(
            f"cannot {verb} the pipeline: {error}, which is taken by its parameter. Rename that, "
            f"or name an instance of the pipeline as the target."
        ) from None


def add_address(group: Any, port: int, token: str) -> None:
    """Where to listen, and what to demand; `token` says from whom."""
    add = group.add_argument
    add("--host", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    text = f"0 takes a free one (default: {port})"
    add("--port", type=whole(0, 65_535), default=port, metavar="N", help=text)
    text = f"{token} (default: TORCHPIPE_TOKEN, if it is set)"
    add("--token", default=os.environ.get("TORCHPIPE_TOKEN"), metavar="TEXT", help=text)
