"""The code in the documentation runs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from recipes.tracking.weights import find_weights
from torchpipe.cli import main
from torchpipe.errors import UsageError

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
RECIPES = ROOT.glob("recipes/*/README.md")
ON_THE_PAGE_OF_ERRORS = {"CheckError", "EndOfStream", "TorchpipeError"}  # which has the module
FIGURE = re.compile(r"\d[\d.,]*\d|\d")


def test_the_blocks_of_the_page_on_tracing_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_blocks(DOCS / "tracing.md")
    assert (tmp_path / "trace.json").stat().st_size > 10_000


@pytest.mark.parametrize("page", ["tour.md", "training.md", "serving.md", "migrating.md"])
@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")  # Lightning's own
def test_the_blocks_of_a_page_run_top_to_bottom(page: str):
    run_blocks(DOCS / page)


@pytest.mark.parametrize("cut", range(5))
def test_the_file_of_the_tour_has_each_row_once_wherever_its_run_was_saved(cut: int, tmp_path):
    written = run_blocks(DOCS / "tour.md")["Written"](4, str(tmp_path / "rows.csv"))
    with written.run() as run:
        first = [run.pull() for _ in range(cut)]
        run.save(tmp_path / "run")
        list(run)
    with written.run() as run:
        run.load(tmp_path / "run")
        assert first + list(run) == [0, 1, 2, 3]
    rows = (tmp_path / "rows.csv").read_text().split()
    assert rows == ["x,total", "0,0", "1,2", "2,6", "3,12"]


def test_what_is_installed_comes_from_a_checkout_as_it_is_on_no_index():
    files = [
        *ROOT.glob("*.md"),
        *(file for part in ("docs", "recipes") for file in (ROOT / part).rglob("*.md")),
        *(file for part in ("torchpipe", "recipes") for file in (ROOT / part).rglob("*.py")),
    ]
    texts = {file: file.read_text() for file in files if "node_modules" not in file.parts}
    assert [file for file, text in texts.items() if "torchpipe-cells[" in text] == []


@pytest.fixture
def weights() -> None:
    """Those of the recipe's detector."""
    try:
        find_weights()
    except UsageError as error:
        pytest.skip(str(error))


@pytest.mark.usefixtures("weights")
def test_the_page_that_builds_the_tracking_recipe_runs_and_shows_what_is_drawn(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    run_blocks(DOCS / "tracking.md")
    drawing = "\n".join(blank_but("mermaid", (DOCS / "tracking.md").read_text())).strip()
    assert capsys.readouterr().out.strip() == drawing
    assert sorted(path.name for path in tmp_path.iterdir()) == ["followed.mp4", "followed.txt"]


def test_the_first_pipeline_of_the_readme_is_that_of_the_tour_and_needs_nothing():
    first = (ROOT / "README.md").read_text().partition("```python\n")[2].partition("```")[0]
    exec(first, {"__name__": "first"})  # noqa: S102 - our own documentation
    assert "class Sums(tp.Pipeline)" in first
    assert set(first.splitlines()) <= set((DOCS / "tour.md").read_text().splitlines())


@pytest.mark.usefixtures("weights")
def test_the_code_of_the_readme_runs(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    run_blocks(ROOT / "README.md")
    assert capsys.readouterr().out.startswith("frame 1: ")


@pytest.mark.usefixtures("weights")
def test_the_command_of_the_readme_writes_what_it_says(tmp_path, monkeypatch, capsys):
    shell = "\n".join(blank_but("sh", (ROOT / "README.md").read_text()))
    [command] = re.findall(r"^torchpipe (.+)$", shell, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    assert main([*command.split(), "--items", "2"]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["tracking.mp4", "tracking.txt"]


def test_the_figures_of_the_readme_are_those_of_the_page_on_performance():
    text = (ROOT / "README.md").read_text().partition("## How fast")[2].partition("\n## ")[0]
    rows = [line.split("|")[2:4] for line in text.splitlines() if line.startswith("|")][2:]
    told = {number for row in rows for cell in row for number in FIGURE.findall(cell)}
    known = set(FIGURE.findall((DOCS / "performance.md").read_text()))
    assert len(told) > 20
    assert told - known == set()


def test_what_one_writes_here_instead_is_code_that_runs():
    text = (DOCS / "migrating.md").read_text()
    code = "\n".join(blank_but("python", text))
    rows = [line.split(" | ")[-1] for line in text.splitlines() if line.startswith("| ")]
    told = [snippet for row in rows for snippet in re.findall(r"`([^`]+)`", row)]
    assert len(told) > 35
    assert [snippet for snippet in told if snippet not in code] == []


@pytest.mark.parametrize("part", ["", ".train", ".serve", ".dashboard", ".testing"])
def test_the_reference_has_every_public_name(part: str):
    home = import_module(f"torchpipe{part}")
    public = {name: getattr(home, name) for name in home.__all__}
    told = list(told_in_the_reference())
    left = {name for name, value in public.items() if not any(value is one for one in told)}
    assert left <= ON_THE_PAGE_OF_ERRORS


def told_in_the_reference() -> Iterator[object]:
    for page in (DOCS / "api").glob("*.md"):
        for name in re.findall(r"^\.\. auto\w+:: ([\w.]+)", page.read_text(), re.MULTILINE):
            home, _, last = name.rpartition(".")
            yield getattr(import_module(home), last)


@pytest.mark.parametrize("recipe", sorted(page.parent.name for page in RECIPES))
def test_what_a_recipe_draws_is_drawn_so(recipe: str, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # here may lie what it has written before
    for command, drawing in drawn_in(ROOT / "recipes" / recipe / "README.md").items():
        assert main(command.split()[1:]) == 0
        assert capsys.readouterr().out == drawing


def run_blocks(page: Path) -> dict[str, Any]:
    """Run them all, and draw the pipelines that the page shows; what they define."""
    code = "\n".join(blank_but("python", page.read_text()))
    names: dict[str, Any] = {"__name__": page.name}
    exec(compile(code, page, "exec", dont_inherit=True), names)  # noqa: S102 - our own documentation
    for pipeline, drawing in drawn_in(page).items():
        assert eval(pipeline, names).to_mermaid() == drawing
    return names


def drawn_in(page: Path) -> dict[str, str]:
    """Each drawing of a page, by what stands before it: a command, or a pipeline of the page."""
    text = page.read_text()
    pairs = re.findall(r"^<!-- drawn: (.+) -->\n```mermaid\n((?:.+\n)+)```$", text, re.MULTILINE)
    assert len(pairs) == text.count("```mermaid"), f"{page}: not every drawing says what draws it"
    return dict(pairs)


def blank_but(kind: str, text: str) -> list[str]:
    """The page's lines, all but those of blocks of a kind made empty: line numbers stay right."""
    lines, inside = [], False
    for line in text.splitlines():
        fence = line.startswith("```")
        lines.append(line if inside and not fence else "")
        inside = (line == f"```{kind}") if fence else inside
    assert re.search(r"\S", "".join(lines)), f"the page has no {kind}"
    return lines
