"""`torchpipe` as a process: its exit codes, Ctrl-C, a terminal, and what it imports."""

import os
import pty
import signal
import subprocess
import sys
import termios
from pathlib import Path

import pytest

# As on a terminal, wherever the tests run: a shell may make its background jobs deaf to Ctrl-C.
LISTENING = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from torchpipe.cli import main; sys.exit(main())"
)

ENDLESS = """\
import itertools
import threading

import torchpipe as tp


class Work(tp.Cell):
    def forward(self, x: int) -> int:
        if x == 100:
            print("working", flush=True)
        return x

    def teardown(self) -> None:
        here = threading.current_thread() is threading.main_thread()
        print(f"torn down {here}\\n", end="", flush=True)  # whole, though others print too


class Endless(tp.Pipeline):
    def __init__(self, clones: int = 0):
        super().__init__()
        self.source = tp.Source(itertools.count())
        self.work = tp.ScaleUp(Work(), clones) if clones else Work()

    def build(self):
        return self.work(self.source())

    def summary(self):
        return {"never": "shown"}
"""


def start(*words, script=LISTENING, **options):
    root = str(Path(__file__).parents[2])
    paths = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", script, *map(str, words)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": paths},
        **{"stderr": subprocess.PIPE, **options},
    )


@pytest.mark.parametrize("module", ["torchpipe", "torchpipe.cli"])
def test_python_can_run_the_command_as_a_module(module):
    script = f"import runpy; runpy.run_module({module!r}, run_name='__main__')"
    process = start("recipes", script=script)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    assert "tracking" in out


@pytest.mark.parametrize(
    ("words", "torn"), [([], ["torn down True"]), (["--clones", 3], ["torn down False"] * 3)]
)
def test_ctrl_c_stops_cleanly(target, words, torn):
    process = start("run", f"{target(ENDLESS)}:Endless", *words)
    assert process.stdout.readline() == "working\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, "torchpipe: interrupted.\n")
    assert out.splitlines() == torn


def test_the_exit_code_is_that_of_the_command(street):
    for words, code in [(["--frames", 2], 0), (["--frames", "x"], 2)]:
        process = start("run", f"{street}:Street", *words)
        process.communicate(timeout=20)
        assert process.returncode == code


def test_the_package_runs_as_a_module():
    script = (
        "import runpy, sys; sys.argv[0] = 'x'; runpy.run_module('torchpipe.cli', alter_sys=True)"
    )
    process = start("recipes", script=script)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (0, "")
    assert [line.partition(" ")[0] for line in out.splitlines()] == [
        "digits",
        "distributed",
        "examples",
        "serve",
        "tracking",
    ]


def test_a_terminal_shows_a_bar(street):
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 100))
    process = start("run", f"{street}:Street", "--frames", 50, "--items", 30, stderr=theirs)
    os.close(theirs)
    out, _ = process.communicate(timeout=20)
    shown = everything(ours)
    assert process.returncode == 0
    assert "30/30" in shown
    assert out.startswith("30 items in ")


def everything(terminal: int) -> str:
    """What was written to a terminal whose other side is closed."""
    shown = b""
    try:
        while part := os.read(terminal, 1000):
            shown += part
    except OSError:  # how Linux says that the other side is closed
        pass
    os.close(terminal)
    return shown.decode()


def test_the_command_line_imports_nothing_heavy():
    heavy = ["torch", "numpy", "tqdm", "ray", "lightning", "fastapi", "starlette", "uvicorn"]
    script = f"import sys, torchpipe.cli; print([m for m in {heavy} if m in sys.modules])"
    out, err = start(script=script).communicate(timeout=20)
    assert (out, err) == ("[]\n", "")
