"""The commands, and what they return to the shell.

Exit codes: 0, all is well; 1, the user's code raised (its traceback is shown); 2, the command, the
target, an option, the pipeline or the Ray cluster cannot be used (one line says why); 130, Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import TracebackType

import torchpipe
from torchpipe.cli.adjust import scale, set_values
from torchpipe.cli.doctor import examine
from torchpipe.cli.live import add_page_options, run_shown
from torchpipe.cli.numbers import seconds, whole
from torchpipe.cli.options import Definition, made
from torchpipe.cli.parser import Parser, target_parser
from torchpipe.cli.profile import profiled
from torchpipe.cli.recipes import copy, described
from torchpipe.cli.running import (
    add_run_options,
    options_of_run,
    refuse_open,
    refuse_unwritable,
    run_through,
)
from torchpipe.cli.serving import add_serve_options, serve_until_ended
from torchpipe.cli.target import find
from torchpipe.errors import ClusterError, GraphError, ParameterError, UsageError
from torchpipe.graph.pipeline import Pipeline

TARGETS = (
    "TARGET is file.py:Name, module:Name, or the name or folder of a recipe. A command of that\n"
    "recipe may follow: torchpipe run tracking eval"
)
OF_TARGETS = {
    "run": "run a pipeline",
    "profile": "plan the clones of a pipeline, in many epochs: what it writes is written in each",
    "graph": "draw a pipeline",
    "serve": "serve a pipeline over HTTP",
    "dashboard": "run a pipeline, and show it on a live page",
}
EPOCHS = (
    "The pipeline runs epoch after epoch, and its sinks do what they always do: what they write\n"
    "is written in each. Give files that may be replaced, or leave the sinks out."
)
FORMATS: dict[str, Callable[[Pipeline], str]] = {
    "tree": lambda pipeline: f"{pipeline}\n",
    "mermaid": Pipeline.to_mermaid,
    "dot": Pipeline.to_dot,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The words after `torchpipe`; those of this process by default.

    Returns:
        The exit code.
    """
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        dispatch(words)
    except (UsageError, GraphError, ParameterError, ClusterError) as error:
        print(f"torchpipe: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("torchpipe: interrupted.", file=sys.stderr)
        return 130
    except Exception as error:
        trace = outside(error.__traceback__)
        traceback.print_exception(error.with_traceback(trace))
        return 1
    return 0


def outside(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from where it leaves the command line: the rest is not the user's."""
    here = str(Path(__file__).parent)
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(here):
        trace = trace.tb_next
    return trace


def dispatch(words: list[str]) -> None:
    """Find the command; those in `OF_TARGETS` have options that depend on their target."""
    targeted: dict[str, Callable[..., None]] = {"run": run, "profile": profile, "graph": graph}
    commands = {**targeted, "serve": serve, "dashboard": dashboard}
    name, target = [*words, "", ""][:2]
    if name not in commands or target in ("", "-h", "--help"):
        given = top_parser().parse_args(words)
        given.command(given)
    elif target.startswith("-"):
        raise UsageError(f"the target comes first: torchpipe {name} TARGET {' '.join(words[1:])}")
    else:
        commands[name](target, *split(words[2:]))


def split(words: list[str]) -> tuple[str | None, list[str]]:
    """The command of a recipe, if one follows the target, and the options."""
    if words and not words[0].startswith("-"):
        return words[0], words[1:]
    return None, words


def top_parser() -> Parser:
    """The parser for everything that does not depend on a target."""
    parser = Parser(prog="torchpipe", description="Run, draw, serve and copy pipelines.")
    parser.add_argument("--version", action="version", version=torchpipe.__version__)
    parser.set_defaults(command=lambda given: parser.print_help())
    commands = parser.add_subparsers(metavar="COMMAND", parser_class=Parser)
    for name, what in OF_TARGETS.items():
        text = f"{what.capitalize()}. {TARGETS}\nIts options: torchpipe {name} TARGET --help"
        command = commands.add_parser(name, help=what, description=text)
        command.add_argument("target", metavar="TARGET", help="comes before all options")
    what = "tell what is installed, which devices there are, and what is missing for what"
    command = commands.add_parser("doctor", help=what, description=what)
    command.set_defaults(command=lambda given: print_all(examine()))
    what = "list the recipes: complete pipelines to run or to copy"
    command = commands.add_parser("recipes", help=what, description=what)
    command.set_defaults(command=lambda given: print("\n".join(described())))
    command = commands.add_parser("cp", help="copy a recipe, to edit it", description=copy.__doc__)
    command.add_argument("recipe", metavar="RECIPE", help="a name that `torchpipe recipes` lists")
    command.add_argument("folder", type=Path, metavar="FOLDER", help="a folder to make")
    command.set_defaults(command=lambda given: print(copy(given.recipe, given.folder)))
    return parser


def print_all(lines: Iterable[str]) -> None:
    """Print each line when it is there: some take a while."""
    for line in lines:
        print(line, flush=True)


def graph(target: str, command: str | None, words: list[str]) -> None:
    """Draw a pipeline."""
    definition = find(target, command)
    parser = target_parser("graph", target, command, definition=definition)
    parser.add_argument("--format", choices=list(FORMATS), default="tree", help="(default: tree)")
    given = parser.parse_args(words)
    pipeline = made(definition, given)
    _ = pipeline.graph  # `build` may add cells
    print(FORMATS[given.format](pipeline), end="")


def run(target: str, command: str | None, words: list[str]) -> None:
    """Run a pipeline to its end, and say what it did."""
    definition = find(target, command)
    parser = target_parser("run", target, command, definition=definition)
    text = "say what limits, and what one more clone would give"
    add = add_run_options(parser, stream=True).add_argument
    add("--report", action="store_true", help=text)
    text = "write what each clone did when (Perfetto, speedscope)"
    add("--profile", type=Path, metavar="FILE", help=text)
    given = parser.parse_args(words)
    refuse_unwritable(given.profile)
    pipeline = adjusted(definition, given)
    lines = run_through(pipeline, given.report, given.profile, **options_of_run(given))
    print("\n".join(lines))


def profile(target: str, command: str | None, words: list[str]) -> None:
    """Run a pipeline with one plan of clones after another, and say which is the best."""
    definition = find(target, command)
    parser = target_parser("profile", target, command, definition=definition)
    parser.epilog = EPOCHS
    add = add_run_options(parser, stream=True).add_argument
    text = "clones of all cells together (default: as many as there are)"
    add("--budget", type=whole(1), metavar="N", help=text)
    text = "how long to look at each plan (default: 5)"
    add("--per-plan", type=seconds, default=5.0, metavar="SECONDS", help=text)
    given = parser.parse_args(words)
    pipeline = adjusted(definition, given)
    found = profiled(pipeline, given.budget, given.per_plan, **options_of_run(given))
    print("\n".join(found))


def dashboard(target: str, command: str | None, words: list[str]) -> None:
    """Run a pipeline to its end, and show it on a live page."""
    definition = find(target, command)
    parser = target_parser("dashboard", target, command, definition=definition)
    add_run_options(parser, stream=True)
    add_page_options(parser)
    given = parser.parse_args(words)
    run_shown(adjusted(definition, given), given, options_of_run(given))


def adjusted(definition: Definition, given: argparse.Namespace) -> Pipeline:
    """The pipeline that the options ask for."""
    pipeline = made(definition, given)
    refuse_open(pipeline)
    set_values(pipeline, given.set)
    scale(pipeline, given.scale)
    return pipeline


def serve(target: str, command: str | None, words: list[str]) -> None:
    """Serve a pipeline until a signal ends it."""
    definition = find(target, command)
    parser = target_parser("serve", target, command, definition=definition)
    add_run_options(parser, stream=False)
    add_serve_options(parser)
    given = parser.parse_args(words)
    pipeline = made(definition, given)
    set_values(pipeline, given.set)
    scale(pipeline, given.scale)
    serve_until_ended(pipeline, given)
