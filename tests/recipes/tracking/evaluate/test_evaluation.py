"""The evaluator on files: against the rows of the reference, and against TrackEval."""

import csv
from pathlib import Path

import numpy as np
import pytest

from recipes.tracking.evaluate import Evaluation
from recipes.tracking.evaluate.table import combined
from tests.recipes.tracking.conftest import refusal
from tests.recipes.tracking.evaluate.oracle import assert_equal, figures_of_folders
from torchpipe.cli import main

TRACKERS = ["sort", "bytetrack", "ocsort"]


def results(tracker):
    return "{sequence}/reference/" + f"{tracker}.txt"


def evaluate(*words, **options):
    """The figures of each sequence, and of all of them."""
    pipeline = Evaluation(*map(str, words), **options)
    with pipeline.run() as run:
        scores = combined(dict(run))
    return {name: score.figures() for name, score in scores.items()}


def rows_of(table):
    """The rows of a Markdown table, each by the heads."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]


@pytest.mark.parametrize("tracker", TRACKERS)
def test_reproduces_the_reference_rows(data, tracker):
    sections = (data / "mot" / "REFERENCE.md").read_text().split("\n## ")
    [section] = [section for section in sections if section.startswith(f"{tracker}:")]
    figures = evaluate(data / "mot", data / "mot" / results(tracker))
    for row in rows_of([line for line in section.splitlines() if line.startswith("|")]):
        found = figures[row.pop("Sequence")]
        most, everyone = row.pop("MT/GT").split("/")
        assert (found["MT"], found["GT"]) == (int(most), int(everyone))
        for name, text in row.items():
            decimals = len(text.partition(".")[2])
            assert f"{found[name]:.{decimals}f}" == text, name


@pytest.mark.parametrize("tracker", TRACKERS)
def test_equals_trackeval_on_real_results(data, tmp_path, tracker):
    sequences = {path.parent.parent.name: None for path in data.glob("mot/*/gt/gt.txt")}
    (tmp_path / "tracker" / "data").mkdir(parents=True)
    for name in sequences:
        text = Path(str(data / "mot" / results(tracker)).format(sequence=name)).read_text()
        (tmp_path / "tracker" / "data" / f"{name}.txt").write_text(text)
    theirs = figures_of_folders(data / "mot", tmp_path, sequences, "MOT15")
    ours = evaluate(data / "mot", tmp_path / "tracker")
    assert ours.keys() == theirs.keys()
    for name, figures in theirs.items():
        assert_equal(ours[name], figures)


@pytest.mark.parametrize(("name", "benchmark"), [("MOT17-99", "MOT17"), ("MOT20-99", "MOT20")])
def test_equals_trackeval_where_there_are_classes(tmp_path, name, benchmark):
    random = np.random.default_rng(0)
    crowd = random.uniform(0, 400, (12, 2))
    write_crowd(tmp_path / name / "gt" / "gt.txt", crowd, random, classes=True)
    write_crowd(tmp_path / "tracker" / "data" / f"{name}.txt", crowd, random, classes=False)
    theirs = figures_of_folders(tmp_path, tmp_path, {name: 30}, benchmark)
    ours = evaluate(tmp_path / name, tmp_path / "tracker")
    assert 0 < ours[name]["TP"] < ours[name]["TP"] + ours[name]["FP"] < 12 * 30
    assert_equal(ours[name], theirs[name])


def write_crowd(path, crowd, random, classes):
    """Twelve who walk for 30 frames, one of each class but the first; some are not to count."""
    path.parent.mkdir(parents=True)
    with path.open("w") as file:
        for frame in range(1, 31):
            for who, (x, y) in enumerate(crowd + 3 * frame + random.normal(0, 4, crowd.shape)):
                box = f"{frame},{who + 1},{x:.1f},{y:.1f},40,80"
                kind = who + 2 if classes and who < 6 else 1
                counts = int(not classes or random.random() < 0.9)
                if random.random() < 0.9:
                    file.write(f"{box},{counts},{kind if classes else -1},1\n")


# -- the command


@pytest.fixture
def street(tmp_path):
    """A sequence of one person in three frames, and what two trackers made of it."""
    (tmp_path / "street" / "gt").mkdir(parents=True)
    line = "{frame},{who},10,10,20,40,1,-1,-1,-1\n"
    truth = "".join(line.format(frame=frame, who=1) for frame in (1, 2, 3))
    (tmp_path / "street" / "gt" / "gt.txt").write_text(truth)
    (tmp_path / "good").mkdir()
    (tmp_path / "good" / "street.txt").write_text(truth)
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "street.txt").write_text("")
    return tmp_path


def test_prints_a_table_and_writes_csv(street, capsys):
    words = ["--truth", street, "--tracks", street / "good", "--csv", street / "figures.csv"]
    assert main(["run", "tracking", "eval", *map(str, words)]) == 0
    heads, row = capsys.readouterr().out.rpartition("\n\n")[2].splitlines()
    assert len(heads) == len(row)
    shown = dict(zip(heads.split(), row.split(), strict=True))
    assert list(shown)[:6] == ["sequence", "HOTA", "DetA", "AssA", "MOTA", "IDF1"]
    assert (shown["sequence"], shown["HOTA"], shown["MT"]) == ("street", "100.00", "1")
    [line] = csv.DictReader((street / "figures.csv").read_text().splitlines())
    assert (line["sequence"], line["HOTA"], line["TP"]) == ("street", "100.0000", "3")
    assert sorted(path.name for path in street.iterdir()) == [
        "figures.csv",
        "good",
        "none",
        "street",
    ]


def test_several_sequences_have_a_last_row_for_all(street, tmp_path):
    (street / "second" / "gt").mkdir(parents=True)
    (street / "second" / "gt" / "gt.txt").write_text("1,1,10,10,20,40,1\n")
    (street / "good" / "second.txt").touch()
    figures = evaluate(street, street / "good")
    assert list(figures) == ["second", "street", "combined"]
    assert [row["MOTA"] for row in figures.values()] == [0, 100, 75]


def test_only_some_sequences(street):
    (street / "second" / "gt").mkdir(parents=True)
    (street / "second" / "gt" / "gt.txt").touch()
    assert list(evaluate(street, street / "good", only="street")) == ["street"]


def test_a_tracker_that_shows_nobody(street):
    figures = evaluate(street, street / "none")["street"]
    assert (figures["FN"], figures["MOTA"], figures["HOTA"]) == (3, 0, 0)


def test_a_table_that_exists_stays(street):
    (street / "figures.csv").write_text("mine")
    assert refusal(Evaluation(street, street / "good", street / "figures.csv").check) == (
        f"cannot write {street}/figures.csv: it exists. Name another file, or add --overwrite."
    )
    evaluate(street, street / "good", csv=street / "figures.csv", overwrite=True)
    assert (street / "figures.csv").read_text().startswith("sequence,HOTA,")
