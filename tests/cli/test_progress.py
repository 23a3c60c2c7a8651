"""Progress: lines with a clock that the test moves, and a bar on what looks like a terminal."""

import io

import pytest

import torchpipe as tp
from torchpipe.cli.progress import followed, in_lines, length, line


class Terminal(io.StringIO):
    def isatty(self):
        return True


class Line(tp.Pipeline):
    def build(self):
        return tp.Source([])()


class Sized(Line):
    def __len__(self):
        return 40


@pytest.mark.parametrize(
    ("pipeline", "limit", "expected"),
    [(Line(), None, None), (Line(), 5, 5), (Sized(), None, 40), (Sized(), 5, 5), (Sized(), 50, 40)],
)
def test_the_length_is_what_the_pipeline_tells(pipeline, limit, expected):
    assert length(pipeline, limit) == expected


def test_a_line_is_written_every_few_seconds():
    times = iter([0.0, 1.0, 2.0, 4.0, 5.0, 8.0])
    stream = io.StringIO()
    items = in_lines("abcde", 10, stream, every=2.0, clock=times.__next__)
    assert list(items) == list("abcde")
    assert stream.getvalue() == (
        "2 of 10 items, 1.0 items/s, 8 s left\n"
        "3 of 10 items, 0.8 items/s, 9 s left\n"
        "5 of 10 items, 0.6 items/s, 8 s left\n"
    )


@pytest.mark.parametrize(
    ("count", "total", "seconds", "text"),
    [
        (1500, None, 10.0, "1,500 items, 150.0 items/s"),
        (1500, 3000, 10.0, "1,500 of 3,000 items, 150.0 items/s, 10 s left"),
        (12, 10, 1.0, "12 of 10 items, 12.0 items/s, 0 s left"),
    ],
)
def test_a_line_tells_rate_and_time_left(count, total, seconds, text):
    assert line(count, total, seconds) == text


def test_a_short_run_writes_no_line():
    stream = io.StringIO()
    assert list(followed("abc", None, stream)) == ["a", "b", "c"]
    assert stream.getvalue() == ""


def test_a_terminal_gets_a_bar():
    stream = Terminal()
    assert list(followed(range(3), 3, stream)) == [0, 1, 2]
    assert "100%" in stream.getvalue()
    assert "3/3" in stream.getvalue()
    assert "items/s" in stream.getvalue()


def test_a_terminal_gets_a_rate_without_a_length():
    stream = Terminal()
    assert list(followed(range(3), None, stream)) == [0, 1, 2]
    assert "3 items [" in stream.getvalue()
