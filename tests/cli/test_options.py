"""The constructor's parameters as options, with their types and descriptions."""

import inspect
import re

import pytest

from torchpipe.cli.options import argument_docs

TYPES = """\
from pathlib import Path
from typing import Any, Literal, Optional

import torchpipe as tp


class Types(tp.Pipeline):
    def __init__(self, {parameters}):
        print({names})

    def build(self):
        return tp.Source([])()
"""


@pytest.fixture
def given(torchpipe, target):
    """Run a pipeline with these parameters and words; return what the constructor got."""

    def call(parameters, *words):
        name = re.match(r"(\*, )?(\w+)", parameters)[2]
        text = TYPES.format(parameters=parameters, names=name)
        code, out, err = torchpipe("run", f"{target(text)}:Types", *words)
        return err.partition(". See ")[0] if code else out.partition("\n")[0]

    return call


@pytest.mark.parametrize(
    ("parameter", "words", "value"),
    [
        ("x: int", ["--x", "3"], "3"),
        ("x: float", ["--x", "3"], "3.0"),
        ("x: str", ["--x", "3"], "3"),
        ("x: Path", ["--x", "a/b"], "a/b"),
        ("x: int = 7", [], "7"),
        ("x=7", ["--x", "8"], "8"),
        ("x=None", ["--x", "8"], "8"),
        ("x", ["--x", "8"], "8"),
        ("x: bool = False", ["--x"], "True"),
        ("x: bool = True", ["--no-x"], "False"),
        ("x: bool", ["--no-x"], "False"),
        ("x: bool | None = None", [], "None"),
        ("x: bool | None = None", ["--x"], "True"),
        ("x: int | None = 3", ["--x", "none"], "None"),
        ("x: Optional[int] = 3", ["--x", "4"], "4"),
        ("x: str | None = 'a'", ["--x", "none"], "none"),
        ("x: str | int", ["--x", "4"], "4"),
        ("x: str | int", ["--x", "four"], "four"),
        ("x: str | Any", ["--x", "four"], "four"),
        ("x: Literal['a', 2] = 'a'", ["--x", "2"], "2"),
        ("x: Literal['auto'] | int", ["--x", "auto"], "auto"),
        ("x: Literal['auto'] | int", ["--x", "5"], "5"),
        ("x: 'Missing | None' = None", ["--x", "text"], "text"),
        ("long_name: int", ["--long-name", "1"], "1"),
        ("x: object = 5", [], "5"),
        ("*, x: int", ["--x", "3"], "3"),
        ("x: list[int]", ["--x", "3", "4"], "[3, 4]"),
        ("x: list[str] | None = None", ["--x", "none", "b"], "['none', 'b']"),
        ("x: list[str] | None = None", [], "None"),
        ("x: str | list[str]", ["--x", "a"], "['a']"),
        ("x: list[Literal['a', 2]]", ["--x", "2", "a"], "[2, 'a']"),
        ("x: list[int | str]", ["--x", "2", "b", "--window", "1"], "[2, 'b']"),
    ],
)
def test_text_becomes_a_value(given, parameter, words, value):
    assert given(parameter, *words) == value


@pytest.mark.parametrize(
    ("parameter", "words", "error"),
    [
        ("x: int", [], "the following arguments are required: --x"),
        ("x: bool", [], "the following arguments are required: --x/--no-x"),
        ("x: int", ["--x", "3.5"], "argument --x: '3.5' is not an int"),
        ("x: int | None = 1", ["--x", "a"], "argument --x: 'a' is not an int | None"),
        ("x: Literal['a', 'b'] = 'a'", ["--x", "c"], "argument --x: 'c' is not one of a, b"),
        ("x: list[int]", ["--x", "3", "b"], "argument --x: 'b' is not an int"),
        ("x: list[int]", ["--x"], "argument --x: expected at least one argument"),
        ("x: int = 1", ["--no-x"], "unrecognized arguments: --no-x"),
    ],
)
def test_a_wrong_text_is_refused(given, parameter, words, error):
    assert given(parameter, *words) == f"torchpipe: {error}"


def test_what_no_text_can_give_needs_a_default(given):
    assert given("x: dict[str, int]") == (
        "torchpipe: cannot run Types: its parameter 'x' is a dict[str, int], which no text can "
        "give. Give it a default, or name an instance of the pipeline as the target.\n"
    )


def test_a_parameter_must_not_have_the_name_of_an_option(given):
    assert given("seed: int = 3") == (
        "torchpipe: cannot run Types: its parameter 'seed' has the name of an option that every "
        "pipeline has. Rename it.\n"
    )


def test_stars_are_no_options(torchpipe, target):
    file = target(
        "import torchpipe as tp\n"
        "class Line(tp.Pipeline):\n"
        "    def __init__(self, *args, **kwargs):\n"
        "        print(args, kwargs)\n"
        "    def build(self):\n"
        "        return tp.Source([])()\n"
    )
    assert torchpipe("run", f"{file}:Line").out.startswith("() {}\n")


HELP = """\
usage: torchpipe graph street [-h] [--frames INT] [--clones INT]
                              [--format {tree,mermaid,dot}]

Counts people in a street.

options:
  -h, --help            show this help message and exit
  --format {tree,mermaid,dot}
                        (default: tree)

options of Street:
  --frames INT          How many frames; all of them are 100 % grey. (default:
                        3)
  --clones INT          How many detectors. (default: 2)
"""


def test_help_tells_the_options_of_the_target(torchpipe, street, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as end:
        torchpipe("graph", f"{street}:Street", "--help")
    assert end.value.code == 0
    assert (
        capsys.readouterr().out.replace(f"{street}:Street", "street").splitlines()[2:]
        == (HELP.splitlines()[2:])
    )


def test_help_shows_types_choices_and_descriptions(torchpipe, target, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    text = TYPES.format(
        parameters="a: str, b: Literal['x', 2] = 2, c: Path | None = None, d: bool = False",
        names="",
    )
    with pytest.raises(SystemExit):
        torchpipe("run", f"{target(text)}:Types", "--help")
    shown = capsys.readouterr().out
    assert shown[shown.index("options of Types") :] == (
        "options of Types:\n"
        "  --a TEXT\n"
        "  --b x|2               (default: 2)\n"
        "  --c PATH\n"
        "  --d, --no-d\n"
        "\n"
        "options of every run:\n"
        "  --set CELL.PARAMETER=VALUE\n"
        "                        set a parameter or config\n"
        "  --scale CELL=CLONES   set how many clones a scaled-up cell has\n"
        "  --window N            most items alive at a time\n"
        "  --seed N              seed of all randomness (default: 0)\n"
        "  --items N             end the stream after so many items of the sources\n"
        "  --ray-address ADDRESS\n"
        "                        the Ray cluster to join (default: RAY_ADDRESS, or a\n"
        "                        local one)\n"
        "  --report              say what limits, and what one more clone would give\n"
        "  --profile FILE        write what each clone did when (Perfetto, speedscope)\n"
    )


def test_an_instance_has_no_options_of_its_own(torchpipe, street):
    code, _, err = torchpipe("run", f"{street}:ready", "--frames", 3)
    assert code == 2
    assert err.startswith("torchpipe: unrecognized arguments: --frames 3. See")


@pytest.mark.parametrize(
    ("docstring", "docs"),
    [
        (
            "Do.\n\n    Args:\n        x: One.\n        y (int): Two:\n            2.\n",
            ["One.", "Two: 2."],
        ),
        ("\nArgs:\n    x: One.\n\n    y: Two.\n\nReturns:\n    z: No.", ["One.", "Two."]),
        ("\nArgs:\n  **x: One.\n  y: Two", ["One.", "Two"]),
    ],
)
def test_descriptions_come_from_the_docstring(docstring, docs):
    assert argument_docs(docstring) == dict(zip("xy", docs, strict=True))


def test_a_docstring_without_arguments_has_no_descriptions():
    assert argument_docs(inspect.getdoc(test_text_becomes_a_value) or "") == {}
