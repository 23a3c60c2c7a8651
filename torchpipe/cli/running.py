"""`torchpipe run`: the options of every run, and a run to its end."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from torchpipe.cli.numbers import MOST_WAITING, whole
from torchpipe.cli.progress import length, pulled
from torchpipe.cli.summary import own_summary, report, skipped, traced
from torchpipe.engine.telemetry.trace import writable
from torchpipe.errors import RunError, UsageError
from torchpipe.graph.pipeline import Pipeline


def add_run_options(parser: argparse.ArgumentParser, stream: bool) -> Any:
    """The options that every pipeline has; returns the group, for more of them.

    Args:
        parser: What gets them.
        stream: Whether the sources of the pipeline make a stream, which may end early.
    """
    group = parser.add_argument_group("options of every run")
    more: dict[str, Any] = {"action": "append", "default": []}
    add = group.add_argument
    add("--set", **more, metavar="CELL.PARAMETER=VALUE", help="set a parameter or config")
    add("--scale", **more, metavar="CELL=CLONES", help="set how many clones a scaled-up cell has")
    window = whole(1, MOST_WAITING)
    add("--window", type=window, metavar="N", help="most items alive at a time")
    add("--seed", type=int, default=0, metavar="N", help="seed of all randomness (default: 0)")
    if stream:
        text = "end the stream after so many items of the sources"
        add("--items", type=whole(1), metavar="N", help=text)
    text = "the Ray cluster to join (default: RAY_ADDRESS, or a local one)"
    add("--ray-address", metavar="ADDRESS", help=text)
    return group


def options_of_run(given: argparse.Namespace) -> dict[str, Any]:
    """What a run is told."""
    return {name: getattr(given, name) for name in ("window", "seed", "items", "ray_address")}


def refuse_unwritable(file: Path | None) -> None:
    """A file that cannot be written is known before anything runs."""
    try:
        writable(file or "here")
    except RunError as error:
        raise UsageError(str(error)) from error


def refuse_open(pipeline: Pipeline) -> None:
    """A command line has no items to give."""
    if pipeline.is_open:
        raise UsageError(
            f"cannot run {pipeline.path}: it waits for its inputs ({', '.join(pipeline.inputs)}). "
            f"Run a pipeline that connects a source to them, or call it from Python: "
            f"pipeline.run().map(items)."
        )


def run_through(pipeline: Pipeline, reports: bool, file: Path | None, **options: Any) -> list[str]:
    """Pull all results, with a progress bar; return the closing summary, or a full report."""
    with pipeline.run(**options) as running, traced(running, file) as told:
        if reports:
            running.report()  # from here on
        total = length(pipeline, options["items"])
        count, seconds = pulled(running, total, sys.stderr)
        lines = [str(running.report()), *skipped(running.dead_letters), ""] if reports else []
        lines = lines or report(pipeline, running, count, seconds)
    return lines + told + own_summary(pipeline)
