"""Where the files of a sequence may be, and what can't be evaluated."""

from pathlib import Path

import pytest

from recipes.tracking.evaluate.folders import find_sequences
from recipes.tracking.evaluate.sequence import read_pairing
from tests.recipes.tracking.conftest import refusal

LINE = "1,1,10,10,20,40,1,-1,-1,-1\n"


@pytest.fixture
def folder(tmp_path):
    """Two sequences, and results for both."""
    for name in ("park", "street"):
        write(tmp_path / "truth" / name / "gt" / "gt.txt", LINE)
        write(tmp_path / "results" / f"{name}.txt", LINE)
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def names(found):
    return [files.name for files in found]


def test_finds_all_sequences_of_a_folder_in_order(folder):
    (folder / "truth" / "seqmaps").mkdir()
    assert names(find_sequences(folder / "truth", folder / "results")) == ["park", "street"]


def test_one_sequence_is_a_folder_too(folder, monkeypatch):
    monkeypatch.chdir(folder / "truth" / "park")
    [park] = find_sequences(".", folder / "results")
    assert (park.name, park.tracks) == ("park", folder / "results" / "park.txt")


@pytest.mark.parametrize("layout", ["tracker/data/street.txt", "tracker/street.txt"])
def test_results_lie_as_trackeval_and_motchallenge_have_them(folder, layout):
    write(folder / layout, LINE)
    [street] = find_sequences(folder / "truth", folder / "tracker", only="street")
    assert street.tracks == folder / layout


def test_a_pattern_says_where_results_are(folder):
    pattern = str(folder / "results" / "{sequence}.txt")
    [park, street] = find_sequences(folder / "truth", pattern)
    assert (park.tracks.name, street.tracks.name) == ("park.txt", "street.txt")


def test_chooses_sequences_by_name_and_in_that_order(folder):
    found = find_sequences(folder / "truth", folder / "results", only="street, park")
    assert names(found) == ["street", "park"]


def test_reads_the_length_where_it_is_stated(folder):
    write(folder / "truth" / "park" / "seqinfo.ini", "[Sequence]\nname=100%\nseqLength=7\n")
    [park, street] = find_sequences(folder / "truth", folder / "results")
    assert (park.length, street.length) == (7, None)


@pytest.mark.parametrize(
    ("truth", "tracks", "only", "text"),
    [
        (
            "none",
            "results",
            None,
            "cannot evaluate: there is no ground truth in {}/none. Name a folder of sequences, "
            "each with gt/gt.txt.",
        ),
        (
            "truth",
            "results",
            "square",
            "cannot evaluate square: there is no such sequence; there are: park, street. Name some "
            "of them.",
        ),
        (
            "truth",
            "none",
            None,
            "cannot evaluate park: there is no file {0}/none/park.txt or {0}/none/data/park.txt. "
            "Name a folder with a file for each sequence, or a path with {{sequence}} in it.",
        ),
    ],
)
def test_what_is_not_there_is_named(folder, truth, tracks, only, text):
    asked = folder / truth, folder / tracks, only
    assert refusal(find_sequences, *asked) == text.format(folder)


def test_a_length_that_is_none(folder):
    write(folder / "truth" / "park" / "seqinfo.ini", "[Sequence]\nseqLength=long\n")
    assert refusal(find_sequences, folder / "truth", folder / "results") == (
        f"cannot read {folder}/truth/park/seqinfo.ini: invalid literal for int() with base 10: "
        "'long'. Mend it or take it away."
    )


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (LINE + "9,1,1,1,1,1,1\n", "frame 9 is behind the last, which is 5"),
        (LINE + "2,1,nan,1,1,1,1\n", "frame 2 has a number that is not finite"),
        (LINE + "1,1.5,1,1,1,1,1\n", "frame 1 has an id twice"),
    ],
)
def test_results_that_cannot_be(folder, text, why):
    write(folder / "truth" / "park" / "seqinfo.ini", "[Sequence]\nseqLength=5\n")
    write(folder / "results" / "park.txt", text)
    [park] = find_sequences(folder / "truth", folder / "results", only="park")
    assert refusal(read_pairing, park) == (
        f"cannot evaluate {folder}/results/park.txt: {why}. Mend the file."
    )
