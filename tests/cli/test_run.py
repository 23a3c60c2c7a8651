"""`torchpipe run`: what it prints, and how it ends."""

import json
import re
from collections import Counter

import pytest


def masked(text):
    """The text without what a clock told."""
    text = re.sub(r"[\d,]+\.\d+", "#", text)
    return re.sub(r" +\d+%", " %", re.sub(r" +#", " #", text))


def test_the_summary_tells_items_time_and_cells(torchpipe, street):
    code, out, err = torchpipe("run", f"{street}:Street", "--frames", 4)
    assert (code, err) == (0, "")
    assert masked(out) == (
        "4 items in # s, # items/s\n"
        "\n"
        "cell    items  busy  clones  mean ms\n"
        "source      4 %       1 #\n"
        "detect      4 %       2 #\n"
        "track       4 %       1 #\n"
        "\n"
    )


def test_cells_that_run_together_share_a_row(torchpipe, target):
    file = target(
        "import torchpipe as tp\n"
        "class Sum(tp.Pipeline):\n"
        "    def build(self):\n"
        "        return tp.cell(abs)(tp.Source([])())\n"
    )
    code, out, err = torchpipe("run", f"{file}:Sum")
    assert (code, err) == (0, "")
    assert masked(out) == (
        "0 items in # s, # items/s\n"
        "\n"
        "cell          items  busy  clones  mean ms\n"
        "source + abs      0 %       1        -\n"
        "\n"
    )


def test_a_report_says_what_limits(torchpipe, street):
    code, out, err = torchpipe("run", f"{street}:Street", "--frames", 4, "--report")
    assert (code, err) == (0, "")
    first, _, heads, *rows = out.splitlines()
    assert first.startswith("4 results in ")
    assert heads.split()[:4] == ["cell", "clones", "items", "items/s"]
    assert [row.split()[:3] for row in rows[:3]] == [
        ["source", "-", "4"],
        ["detect", "2", "4"],
        ["track", "-", "4"],
    ]
    assert "What limits: " in out


def test_a_trace_is_written_on_the_way(torchpipe, street, tmp_path):
    file = tmp_path / "trace.json"
    code, out, err = torchpipe("run", f"{street}:Street", "--frames", 4, "--profile", file)
    assert (code, err) == (0, "")
    assert out.endswith(f"\ntrace: {file}, 12 calls\n")
    calls = [event for event in json.loads(file.read_text())["traceEvents"] if event["ph"] == "X"]
    assert Counter(call["name"] for call in calls) == {"source": 4, "detect": 4, "track": 4}


def test_a_trace_needs_a_folder(torchpipe, street, tmp_path):
    file = tmp_path / "nowhere" / "trace.json"
    code, _, err = torchpipe("run", f"{street}:Street", "--profile", file)
    assert (code, err) == (
        2,
        f"torchpipe: cannot write a trace to {file}: there is no folder {file.parent}. Make it, or "
        f"name another file.\n",
    )


def test_skipped_items_are_told(torchpipe, target):
    file = target(
        "import torchpipe as tp\n"
        "@tp.cell(on_error='skip')\n"
        "def inverse(x):\n"
        "    return 1 / x\n"
        "class Line(tp.Pipeline):\n"
        "    def build(self):\n"
        "        return inverse(tp.Source([0, 1, 0])())\n"
    )
    code, out, _ = torchpipe("run", f"{file}:Line")
    assert code == 0
    assert out.startswith("1 items in ")
    assert out.splitlines()[-2] == (
        "skipped: 2 in inverse; the last was item 2 in inverse: ZeroDivisionError: division by zero"
    )


def test_a_pipeline_adds_its_own_summary_after_the_end(torchpipe, target):
    file = target(
        "import torchpipe as tp\n"
        "class Write(tp.Cell):\n"
        "    def forward(self, x: int) -> None: ...\n"
        "    def teardown(self):\n"
        "        done.append('closed')\n"
        "done = []\n"
        "class Line(tp.Pipeline):\n"
        "    def build(self):\n"
        "        Write()(tp.Source([1])())\n"
        "    def summary(self):\n"
        "        return {'video': 'out.mp4', 'file': done[0]}\n"
    )
    code, out, _ = torchpipe("run", f"{file}:Line")
    assert code == 0
    assert out.splitlines()[-2:] == ["video: out.mp4", "file: closed"]


def test_an_instance_runs_as_it_is(torchpipe, street):
    code, out, _ = torchpipe("run", f"{street}:ready")
    assert (code, out.partition(" in ")[0]) == (0, "5 items")


def test_items_stops_early(torchpipe, street):
    code, out, _ = torchpipe("run", f"{street}:Street", "--frames", 1000, "--items", 2)
    assert (code, out.partition(" in ")[0]) == (0, "2 items")


def test_the_options_of_every_run_reach_it(torchpipe, target):
    file = target(
        "import torchpipe as tp\n"
        "class Line(tp.Pipeline):\n"
        "    def build(self):\n"
        "        return tp.Source([])()\n"
        "    def run(self, **options):\n"
        "        print(options)\n"
        "        return super().run(**options)\n"
    )
    words = ("--window", 7, "--seed", 8, "--ray-address", "here:1")
    _, out, _ = torchpipe("run", f"{file}:Line", *words)
    assert out.startswith("{'window': 7, 'seed': 8, 'items': None, 'ray_address': 'here:1'}\n")
    _, out, _ = torchpipe("run", f"{file}:Line")
    assert out.startswith("{'window': None, 'seed': 0, 'items': None, 'ray_address': None}\n")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--window", "0"], "argument --window: it must be from 1 to 1,000,000, not 0."),
        (
            ["--items", "-3"],
            "argument --items: it must be from 1 to 9,223,372,036,854,775,807, not -3.",
        ),
        (["--seed", "x"], "argument --seed: invalid int value: 'x'."),
        (["--frames", "many"], "argument --frames: 'many' is not an int."),
        (["--frame", "3"], "unrecognized arguments: --frame 3."),
        (["--frames"], "argument --frames: expected one argument."),
    ],
)
def test_a_bad_option_is_one_line(torchpipe, street, words, error):
    target = f"{street}:Street"
    see = f" See `torchpipe run {target} --help`.\n"
    assert torchpipe("run", target, *words) == (2, "", f"torchpipe: {error}{see}")


def test_an_open_pipeline_cannot_run(torchpipe, street):
    assert torchpipe("run", f"{street}:Open") == (
        2,
        "",
        "torchpipe: cannot run Open: it waits for its inputs (frame, mask). Run a pipeline that "
        "connects a source to them, or call it from Python: pipeline.run().map(items).\n",
    )


def test_a_pipeline_that_cannot_run_lists_its_findings(torchpipe, target):
    file = target(
        "import torchpipe as tp\n"
        "class Line(tp.Pipeline):\n"
        "    def build(self):\n"
        "        return tp.cell(lambda a, b: a)()\n"
    )
    assert torchpipe("run", f"{file}:Line") == (
        2,
        "",
        "torchpipe: Line cannot run, 3 problems:\n"
        "  - Line has nothing that starts a stream. Add a source (a cell without inputs, such as "
        "tp.Source), or give `build` an argument.\n"
        "  - nothing is connected to function.a (Any). Pass it in `build`: function(a=...).\n"
        "  - nothing is connected to function.b (Any). Pass it in `build`: function(b=...).\n",
    )


@pytest.mark.parametrize(
    "error",
    [
        "UsageError('disk full.')",
        "GraphError('disk full.')",
        "ParameterError('disk full.')",
        "ClusterError('disk full.')",
    ],
)
def test_errors_that_say_all_in_their_text_are_one_line(torchpipe, target, error):
    file = target(
        "import torchpipe as tp\n"
        "from torchpipe.errors import *\n"
        "@tp.cell\n"
        "def write(x):\n"
        f"    raise {error}\n"
        "class Line(tp.Pipeline):\n"
        "    def build(self):\n"
        "        return write(tp.Source([1])())\n"
    )
    assert torchpipe("run", f"{file}:Line") == (2, "", "torchpipe: disk full.\n")


def test_an_exception_of_the_user_is_shown_with_its_notes(torchpipe, target):
    file = target(
        "import torchpipe as tp\n"
        "@tp.cell\n"
        "def inverse(x):\n"
        "    return 1 / x\n"
        "class Line(tp.Pipeline):\n"
        "    def build(self):\n"
        "        return inverse(tp.Source([1, 0])())\n"
    )
    code, out, err = torchpipe("run", f"{file}:Line")
    assert (code, out) == (1, "")
    lines = err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-2:] == [
        "ZeroDivisionError: division by zero",
        "in cell 'inverse' (clone 0 on cpu), item 1",
    ]
    assert f'File "{file}", line 4, in inverse' in err
    assert "command.py" not in err, "frames of the command line say nothing"


def test_an_exception_in_the_constructor_is_shown(torchpipe, target):
    file = target(
        "import torchpipe as tp\n"
        "class Line(tp.Pipeline):\n"
        "    def __init__(self):\n"
        "        self.x = 1 / 0\n"
    )
    code, out, err = torchpipe("run", f"{file}:Line")
    assert (code, out) == (1, "")
    assert err.splitlines()[1] == f'  File "{file}", line 4, in __init__'


def test_ctrl_c_is_130(torchpipe, target):
    file = target("raise KeyboardInterrupt")
    assert torchpipe("run", f"{file}:Line") == (130, "", "torchpipe: interrupted.\n")
