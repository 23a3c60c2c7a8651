"""`torchpipe profile`: plans are tried, and the best is told."""

import re

import pytest

import torchpipe as tp

SLEEPS = """\
import time
import torchpipe as tp


def slow(x):
    time.sleep(0.002)
    return x


class Line(tp.Pipeline):
    def __init__(self, frames: int = 50):
        super().__init__()
        self.source = tp.Source(range(frames))
        self.slow = tp.ScaleUp(tp.cell(slow), clones=1)
        self.quick = tp.ScaleUp(tp.cell(abs), clones=3)

    def build(self):
        return self.quick(self.slow(self.source()))


class Plain(tp.Pipeline):
    def build(self):
        return tp.Source([])()
"""


def test_the_help_says_that_what_is_written_is_written_in_each_epoch(torchpipe, target, capsys):
    with pytest.raises(SystemExit):
        torchpipe("profile", f"{target(SLEEPS)}:Line", "--help")
    told = "epoch after epoch, and its sinks do what they always do"
    assert told in capsys.readouterr().out


def test_a_pipeline_without_a_docstring_does_not_show_that_of_all(torchpipe, target, capsys):
    with pytest.raises(SystemExit):
        torchpipe("run", f"{target(SLEEPS)}:Line", "--help")
    out = capsys.readouterr().out
    assert "--frames" in out
    assert tp.Pipeline.__doc__.partition("\n")[0] not in out


def test_plans_are_tried_and_the_best_is_told(torchpipe, target):
    words = ("--per-plan", 0.2, "--budget", 5)
    code, out, err = torchpipe("profile", f"{target(SLEEPS)}:Line", *words)
    assert (code, err) == (0, "")
    first, second, *_, last = out.splitlines()
    assert re.fullmatch(r"[\d,.]+ results a second with slow=1, quick=3", first)
    assert re.fullmatch(r"[\d,.]+ results a second with slow=\d, quick=\d", second)
    assert re.fullmatch(r"The best plan found for 5 clones: --scale slow=\d --scale quick=\d", last)
    assert "What limits: " in out


@pytest.mark.parametrize("frames", [0, 1])
def test_a_short_stream_is_run_again_and_an_empty_one_ends(torchpipe, target, frames):
    words = ("--frames", frames, "--per-plan", 0.01)
    code, out, err = torchpipe("profile", f"{target(SLEEPS)}:Line", *words)
    assert (code, err) == (0, "")
    assert "The best plan found for 4 clones: " in out


@pytest.mark.parametrize(
    ("name", "words", "error"),
    [
        (
            "Plain",
            [],
            "cannot profile Plain: nothing in it is scaled up. Wrap the cells that may have "
            "clones: tp.ScaleUp(...). `torchpipe run --report` tells what limits.",
        ),
        (
            "Line",
            ["--budget", 1],
            "cannot plan with a budget of 1: 2 cells are scaled up, and each needs a clone.",
        ),
    ],
)
def test_what_cannot_be_planned(torchpipe, target, name, words, error):
    code, out, err = torchpipe("profile", f"{target(SLEEPS)}:{name}", *words)
    assert (code, out, err) == (2, "", f"torchpipe: {error}\n")
