"""`torchpipe dashboard`: its options, and a run that is looked at."""

from __future__ import annotations

import argparse
import signal
import sys
from time import perf_counter
from typing import TYPE_CHECKING, Any

from torchpipe.cli.listening import add_address, add_group
from torchpipe.cli.progress import followed, length
from torchpipe.cli.summary import report
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
            lines = pulled(pipeline, page, options["items"])
        summary = getattr(pipeline, "summary", None)  # after the end: now files are complete
        lines += [f"{name}: {text}" for name, text in summary().items()] if summary else []
        print("\n".join(lines), flush=True)
        if not given.exit:
            print("The page stays until Ctrl-C.", flush=True)
            signal.pause()


def pulled(pipeline: Pipeline, page: Page, items: int | None) -> list[str]:
    """Pull all results, with a progress bar; return the closing summary."""
    start, count = perf_counter(), 0
    for _ in followed(page.results(), length(pipeline, items), sys.stderr):
        count += 1
    return report(pipeline, page.board.run, count, perf_counter() - start)


def shower() -> type[Page]:
    """`torchpipe.dashboard.Page`, if what it needs is there."""
    with needing("dashboard", "show a page"):
        from torchpipe.dashboard.show import Page
    return Page
