import numpy as np
import pytest

from recipes.tracking.boxes import Tracks
from recipes.tracking.mot import MotWriter, read_detections
from torchpipe.errors import UsageError


def tracks(frame, *ids):
    boxes = np.array([[10.0, 20, 15.5, 40]] * len(ids)).reshape(-1, 4)
    return Tracks(frame, np.array(ids), boxes, np.full(len(ids), 0.5), np.zeros(len(ids), int))


def test_reads_one_for_each_frame_even_where_there_is_none(tmp_path):
    path = tmp_path / "det.txt"
    path.write_text("3,-1,1,2,10,20,0.5,-1,-1,-1\n1,-1,5,6,7,8,0.25,-1,-1,-1\n\n3,-1,0,0,1,1,1\n")
    frames = read_detections(path)
    assert [len(found) for found in frames] == [1, 0, 2]
    assert frames[2].boxes.tolist() == [[1, 2, 11, 22], [0, 0, 1, 1]]
    assert frames[2].scores.tolist() == [0.5, 1]


def test_an_empty_file_has_no_frames(tmp_path):
    path = tmp_path / "det.txt"
    path.touch()
    assert read_detections(path) == []


@pytest.mark.parametrize(
    "line", ["1,-1,a,2,3,4,5", "1,2,3", "0,-1,1,2,3,4,5", "1e30,-1,1,2,3,4,5", "nan,1,1,1,1,1,1"]
)
def test_a_bad_line_is_named(tmp_path, line):
    path = tmp_path / "det.txt"
    path.write_text(f"1,-1,1,2,3,4,0.5\n{line}\n")
    with pytest.raises(UsageError) as caught:
        read_detections(path)
    assert str(caught.value) == (
        f"cannot read {path}: line 2 is {line!r}, not frame,id,left,top,width,height,score. "
        "Mend it or take it out."
    )


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_a_file_that_cannot_be_read(tmp_path, content):
    path = tmp_path / "det.txt"
    if content:
        path.write_bytes(content)
    with pytest.raises(UsageError, match="Name a file of detections"):
        read_detections(path)


def test_writes_the_format_of_motchallenge(tmp_path):
    writer = MotWriter(tmp_path / "tracks.txt")
    writer.write(tracks(1, 7, 8))
    writer.write(tracks(2))
    writer.write(tracks(3, 7))
    assert not (tmp_path / "tracks.txt").exists()
    writer.close()
    assert (tmp_path / "tracks.txt").read_text().splitlines() == [
        "1,7,10.00,20.00,5.50,20.00,1.0000,-1,-1,-1",
        "1,8,10.00,20.00,5.50,20.00,1.0000,-1,-1,-1",
        "3,7,10.00,20.00,5.50,20.00,1.0000,-1,-1,-1",
    ]


def test_a_discarded_file_leaves_nothing(tmp_path):
    writer = MotWriter(tmp_path / "tracks.txt")
    writer.write(tracks(1, 7))
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_discard_after_close_keeps_the_file(tmp_path):
    writer = MotWriter(tmp_path / "tracks.txt")
    writer.close()
    writer.discard()
    assert (tmp_path / "tracks.txt").read_text() == ""
