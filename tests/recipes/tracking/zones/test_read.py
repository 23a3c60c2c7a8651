import json

import pytest

from recipes.tracking.zones.read import read_zones
from recipes.tracking.zones.shapes import Line, Polygon
from tests.recipes.tracking.conftest import refusal

GOOD = {"lines": {"door": [[0, 1], [2, 3.5]]}, "polygons": {"hall": [[0, 0], [9, 0], [9, 9]]}}
FORM = '{"lines": {"door": [[x, y], [x, y]]}, "polygons": {"hall": [[x, y], [x, y], [x, y]]}}'


@pytest.fixture
def zones(tmp_path):
    """Writes a file of zones."""

    def write(content, name="zones.json"):
        path = tmp_path / name
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return path

    return write


def check(read):
    assert [(type(zone), zone.name) for zone in read] == [(Line, "door"), (Polygon, "hall")]
    assert read[0].points.tolist() == [[0, 1], [2, 3.5]]


def test_reads_lines_and_polygons(zones):
    check(read_zones(zones(GOOD)))


def test_reads_toml(zones):
    text = "[lines]\ndoor = [[0, 1], [2, 3.5]]\n[polygons]\nhall = [[0, 0], [9, 0], [9, 9]]\n"
    check(read_zones(zones(text, "zones.toml")))


CROSSES = (
    "the polygon 'a' crosses itself, and its parts cancel each other out. Give its corners in the "
    "order of its border, or two polygons."
)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "Expecting property name enclosed in double quotes: line 1 column 2 (char 1). "
         "Mend it."),
        ('{"lines": {"a": 1, "a": 2}}', "'a' is there twice. Mend it."),
        ([], f"it is not of the form {FORM}. Write it so."),
        ({}, f"it is not of the form {FORM}. Write it so."),
        ({"circles": {}}, f"it is not of the form {FORM}. Write it so."),
        ({"lines": []}, f"its lines are not of the form {FORM}. Write them so."),
        ({"polygons": {}}, f"its polygons are not of the form {FORM}. Write them so."),
        ({"lines": {"a": [[0, 0], [1, 1]]}, "polygons": {"a": [[0, 0], [9, 0], [9, 9]]}},
         "'a' is a line and a polygon. Give one another name."),
        ({"lines": {"a": [[0, 0], [1]]}},
         "the points of 'a' are [[0, 0], [1]]. Give [[x, y], [x, y], ...]."),
        ({"lines": {"a": "b"}}, "the points of 'a' are 'b'. Give [[x, y], [x, y], ...]."),
        ({"lines": {"a": [[0, True], [1, 1]]}},
         "the points of 'a' are [[0, True], [1, 1]]. Give [[x, y], [x, y], ...]."),
        ('{"lines": {"a": [[0, NaN], [1, 1]]}}',
         "the points of 'a' are [[0, nan], [1, 1]]. Give [[x, y], [x, y], ...]."),
        ({"lines": {"a": [[4, 4], [4, 4]]}},
         "the line 'a' has 1 different points and needs 2. Give its start and its end."),
        ({"lines": {"a": [[0, 0], [4, 4], [5, 6]]}},
         "the line 'a' has 3 different points and needs 2. Give its start and its end."),
        ({"lines": {"a": []}},
         "the line 'a' has 0 different points and needs 2. Give its start and its end."),
        ({"polygons": {"a": [[0, 0], [4, 4]]}}, "the polygon 'a' has no area. "
         "Give three corners or more that are not on one line."),
        ({"polygons": {"a": [[0, 0], [4, 4], [9, 9]]}}, "the polygon 'a' has no area. "
         "Give three corners or more that are not on one line."),
        ({"polygons": {"a": [[0.1, 0.1], [0.3, 0.9], [0.7, 2.5]]}}, "the polygon 'a' has no area. "
         "Give three corners or more that are not on one line."),
        ({"polygons": {"a": [[0, 0], [8, 8], [8, 0], [0, 8]]}}, CROSSES),
        ({"polygons": {"a": [[100.1, 0.3], [108.4, 8.7], [108.4, 0.3], [100.1, 8.7]]}}, CROSSES),
    ],
)  # fmt: skip
def test_says_what_is_wrong(zones, content, problem):
    path = zones(content)
    assert refusal(read_zones, path) == f"cannot read the zones of {path}: {problem}"


def test_a_file_that_is_missing():
    assert refusal(read_zones, "none.json") == (
        "cannot read the zones of none.json: No such file or directory. Name a file of zones."
    )


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "zones.json").write_bytes(b"\xff\xfe\x00")
    assert "can't decode byte 0xff" in refusal(read_zones, tmp_path / "zones.json")
