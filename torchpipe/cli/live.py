"""`torchpipe dashboard`: its options, and a run that is looked at."""

from __future__ import annotations

import argparse
import signal
import sys
from typing import TYPE_CHECKING, Any

from torchpipe.cli.listening import add_address, add_group
from torchpipe.cli.progress import length, pulled
from torchpipe.cli.summary import own_summary, report
from torchpipe.extras import needing
from torchpipe.graph.pipeline import Pipeline

if TYPE_CHECKING:
    from torchpipe.dashboard.show import Page


def add_page_options(parser: argparse.ArgumentParser) -> None:
    """The options of a page.

    Raises:
        UsageError: The pipeline has a parameter of the same name.
    """
    add_group(parser, "page", "show", add_to)


def add_to(group: Any) -> None:
    """The options, one by one."""
    add_address(group, 8001, "what a browser must bring")
    add = group.add_argument
    add("--exit", action="store_true", help="end with the run, instead of with Ctrl-C")


def run_shown(pipeline: Pipeline, given: argparse.Namespace, options: dict[str, Any]) -> None:
    """Run a pipeline to its end, and show it on a page until Ctrl-C.

    Raises:
        UsageError: What the page needs is not installed, or it cannot listen there.
    """
    make = shower()
    with (
        pipeline.run(**options) as running,  # whatever happens to the page
        make(running, given.host, given.port, given.token) as page,
    ):
        print(f"{pipeline.path}: {page.url}", flush=True)
        with running:
            total = length(pipeline, options["items"])
            count, seconds = pulled(page.results(), total, sys.stderr)
            lines = report(pipeline, page.board.run, count, seconds)
        print("\n".join(lines + own_summary(pipeline)), flush=True)
        if not given.exit:
            print("The page stays until Ctrl-C.", flush=True)
            signal.pause()


def shower() -> type[Page]:
    """`torchpipe.dashboard.Page`, if what it needs is there."""
    with needing("dashboard", "show a page"):
        from torchpipe.dashboard.show import Page
    return Page
