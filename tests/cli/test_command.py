"""`torchpipe` itself, and `torchpipe graph`."""

import pytest

import torchpipe as package


def test_without_a_command_it_helps(torchpipe):
    code, out, err = torchpipe()
    assert (code, err) == (0, "")
    assert out.startswith(
        "usage: torchpipe [-h] [--version] COMMAND ...\n\nRun, draw, serve and copy"
    )


@pytest.mark.parametrize("command", ["run", "graph", "serve", "doctor", "recipes", "cp"])
def test_each_command_helps(torchpipe, command, capsys):
    with pytest.raises(SystemExit) as end:
        torchpipe(command, "--help")
    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: torchpipe {command} ")


def test_the_version_is_told(torchpipe, capsys):
    with pytest.raises(SystemExit) as end:
        torchpipe("--version")
    assert end.value.code == 0
    assert capsys.readouterr().out == f"{package.__version__}\n"


def test_an_unknown_command_is_one_line(torchpipe):
    code, out, err = torchpipe("rnu", "tracking")
    assert (code, out) == (2, "")
    assert err == (
        "torchpipe: argument COMMAND: invalid choice: 'rnu' (choose from 'run', 'profile', "
        "'graph', 'serve', 'dashboard', 'doctor', 'recipes', 'cp'). See `torchpipe --help`.\n"
    )


def test_the_words_of_the_process_are_the_default(monkeypatch, capsys):
    monkeypatch.setattr("sys.argv", ["torchpipe", "cp", "none-such", "x"])
    from torchpipe.cli import main

    assert main() == 2
    assert capsys.readouterr().err.startswith("torchpipe: there is no recipe 'none-such'")


def test_graph_draws_a_tree(torchpipe, street):
    assert torchpipe("graph", f"{street}:Street", "--clones", 3) == (
        0,
        "Street(\n"
        "  (source): Source(range)\n"
        "  (detect): ScaleUp(Detect(), clones=3)\n"
        "  (track): Track()\n"
        ")\n",
        "",
    )


def test_graph_shows_what_build_adds(torchpipe, street):
    assert torchpipe("graph", f"{street}:Open").out == "Open(\n  (function): cell(function)\n)\n"


def test_graph_draws_mermaid(torchpipe, street):
    assert torchpipe("graph", f"{street}:Street", "--format", "mermaid").out == (
        "flowchart LR\n"
        '  n0(["source : Source"])\n'
        '  n1[["detect : Detect x2"]]\n'
        '  n2["track : Track"]\n'
        "  n0 -->|out| n1\n"
        "  n1 -->|out| n2\n"
    )


def test_graph_draws_dot(torchpipe, street):
    out = torchpipe("graph", f"{street}:Street", "--format", "dot").out
    assert out.startswith("digraph {\n  rankdir=LR;\n")


def test_graph_knows_no_other_format(torchpipe, street):
    code, _, err = torchpipe("graph", f"{street}:Street", "--format", "png")
    assert code == 2
    assert err.startswith("torchpipe: argument --format: invalid choice: 'png' (choose from 'tree'")
