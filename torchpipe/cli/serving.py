"""`torchpipe serve`: its options, and how a service tells what it does."""

from __future__ import annotations

import argparse
import logging
import sys
from typing import Any

from torchpipe.addresses import page_at
from torchpipe.cli.listening import add_address, add_group
from torchpipe.cli.numbers import MOST_WAITING, seconds, whole
from torchpipe.extras import needing
from torchpipe.graph.pipeline import Pipeline

SETTINGS = ["host", "port", "token", "guards_all", "queue", "timeout", "max_body", "max_held"]
SETTINGS += ["drain", "max_sessions", "session_idle", "spans"]
SETTINGS += ["window", "seed", "ray_address"]  # of every run


def add_serve_options(parser: argparse.ArgumentParser) -> None:
    """The options of a service.

    Raises:
        UsageError: The pipeline has a parameter of the same name.
    """
    add_group(parser, "service", "serve", add_to)


def add_to(group: Any) -> None:
    """The options, one by one."""
    add_address(group, 8000, "what requests to control the run must bring")
    add = group.add_argument
    add("--guards-all", action="store_true", help="all requests must bring the token")
    text = "most requests that wait for room (default: 256)"
    add("--queue", type=whole(0, MOST_WAITING), default=256, metavar="N", help=text)
    text = "until a request is given up (default: 60)"
    add("--timeout", type=seconds, default=60.0, metavar="SECONDS", help=text)
    text = "most bytes of a body (default: 64000000)"
    add("--max-body", type=whole(0), default=64_000_000, metavar="N", help=text)
    text = "most bytes of all requests together (default: 1000000000)"
    add("--max-held", type=whole(0), default=1_000_000_000, metavar="N", help=text)
    text = "write a line of JSON for each request to the standard error (default: yes)"
    add("--access-log", action=argparse.BooleanOptionalAction, default=True, help=text)
    text = "most sessions at a time, if the pipeline is stateful (default: 100)"
    add("--max-sessions", type=whole(0), default=100, metavar="N", help=text)
    text = "until a sequence that nobody uses ends (default: 600)"
    add("--session-idle", type=seconds, default=600.0, metavar="SECONDS", help=text)
    text = "make spans of OpenTelemetry of items and calls"
    add("--spans", action="store_true", help=text)
    text = "that requests inside get to finish, at the end (default: 2.5)"
    add("--drain", type=seconds, default=2.5, metavar="SECONDS", help=text)


def serve_until_ended(pipeline: Pipeline, given: argparse.Namespace) -> None:
    """Serve the pipeline; the access log goes to the standard error, one JSON object a line.

    Raises:
        UsageError: What a service needs is not installed, or it cannot be served.
    """
    with needing("serve", "serve"):
        from torchpipe.serve.server import serve
    logging.basicConfig(stream=sys.stderr, format="%(message)s", level=logging.WARNING)
    level = logging.INFO if given.access_log else logging.WARNING
    logging.getLogger("torchpipe.access").setLevel(level)
    settings = {name: getattr(given, name) for name in SETTINGS}

    def tell(url: str) -> None:
        page = page_at(f"{url}/dashboard", given.token)
        print(f"{pipeline.path}: {url}\nTo try it: {url}/docs\nThe live page: {page}", flush=True)

    serve(pipeline, tell=tell, **settings)
