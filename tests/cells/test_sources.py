"""Sources: what they give, epoch after epoch, and what they refuse."""

import copy
import io
import operator

import pytest

import torchpipe as tp
from tests.cells.made import Only
from torchpipe.errors import ParameterError, RunError, UsageError
from torchpipe.testing import check_cell


def two_epochs(source):
    with Only(source).run() as run:
        return list(run), list(run)


@pytest.mark.parametrize(
    "source",
    [
        tp.Source([1, 2, 3]),
        tp.Source(range(1, 4)),
        tp.DatasetSource([1, 2, 3]),
    ],
    ids=["list", "range", "dataset"],
)
def test_every_epoch_has_all_items(source):
    assert two_epochs(source) == ([1, 2, 3], [1, 2, 3])


@pytest.mark.parametrize("source", [tp.Source("abc"), tp.DatasetSource("abc")])
def test_a_source_is_a_good_cell(source):
    assert check_cell(source) == ["a", "b", "c"]


def test_a_source_may_be_empty():
    assert two_epochs(tp.Source([])) == ([], [])


def test_an_iterator_gives_one_epoch_and_then_an_error():
    with Only(tp.Source(iter("ab"))).run() as run:
        assert list(run) == ["a", "b"]
        with pytest.raises(RunError) as error:
            list(run)
    assert str(error.value) == (
        "cannot start another epoch: the source was made from a str_ascii_iterator, an iterator "
        "that gives its items once. Pass a list, or an object whose `__iter__` starts again."
    )


def test_a_second_run_over_an_iterator_is_an_error_too():
    pipeline = Only(tp.Source(io.StringIO("one\n")))
    with pipeline.run() as run:
        assert list(run) == ["one\n"]
    with pipeline.run() as run, pytest.raises(RunError, match="made from a StringIO"):
        list(run)


def test_a_generator_is_closed_when_the_consumer_breaks():
    closed = []

    def numbers():
        try:
            yield from range(100)
        finally:
            closed.append(True)

    with Only(tp.Source(numbers())).run() as run:
        for number in run:
            if number == 3:
                break
    assert closed == [True]


def test_sources_know_their_length_where_they_can():
    sources = tp.Source("abc"), tp.Source(c for c in "abc"), tp.DatasetSource("abcd")
    assert [operator.length_hint(source) for source in sources] == [3, 0, 4]


def test_folder_source_gives_sorted_files_only(tmp_path):
    for name in ("b.jpg", "a.jpg", "c.txt"):
        (tmp_path / name).touch()
    (tmp_path / "folder.jpg").mkdir()
    expected = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    assert two_epochs(tp.FolderSource(tmp_path, "*.jpg")) == (expected, expected)


def test_folder_source_looks_into_folders_within(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.jpg").touch()
    assert check_cell(tp.FolderSource(str(tmp_path), "**/*.jpg")) == [tmp_path / "in" / "a.jpg"]


def started(source):
    with Only(source).run() as run:
        list(run)


def test_a_missing_folder_is_told_when_the_run_starts(tmp_path):
    with pytest.raises(UsageError) as error:
        started(tp.FolderSource(tmp_path / "none"))
    assert str(error.value) == (
        f"cannot read the folder {tmp_path}/none: there is no such folder. Give the path of a "
        f"folder."
    )


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(UsageError) as error:
        started(tp.FolderSource(tmp_path / "file"))
    assert str(error.value) == (
        f"cannot read the folder {tmp_path}/file: it is a file. Give the path of a folder."
    )


@pytest.mark.parametrize(
    ("names", "contents"),
    [("", "it is empty"), ("a", "it holds a"), ("dcba", "it holds a, b, c, ...")],
)
def test_a_folder_without_a_match_is_told_with_what_it_holds(tmp_path, names, contents):
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(UsageError) as error:
        started(tp.FolderSource(tmp_path, "*.jpg"))
    assert str(error.value) == (
        f"cannot find a file *.jpg in {tmp_path}: {contents}. Give another pattern, '**/*' for "
        f"all files in folders within as well."
    )


def test_sources_show_what_they_read():
    sources = tp.Source([1]), tp.DatasetSource((1, 2)), tp.FolderSource("images", "*.jpg")
    assert [repr(source) for source in sources] == [
        "Source(list)",
        "DatasetSource(tuple)",
        "FolderSource(images/*.jpg)",
    ]


def test_a_deep_copy_of_a_source_knows_that_its_iterator_was_taken():
    source = tp.Source(iter("ab"))
    assert list(copy.deepcopy(source).forward()) == ["a", "b"]
    with pytest.raises(RunError):
        list(source.forward())


class Watched(list):
    """A list that notes which of its items are read."""

    def __init__(self, items):
        super().__init__(items)
        self.read = []

    def __getitem__(self, index):
        self.read.append(index)
        return super().__getitem__(index)


@pytest.mark.parametrize("kind", [tp.Source, tp.DatasetSource])
def test_a_source_starts_where_it_is_told_and_reads_no_other_item(kind):
    items = Watched("abcd")
    with Only(kind(items)).run() as run:
        run.seek(0, 2)
        assert list(run) == ["c", "d"]
        assert items.read == [2, 3]
        assert list(run) == ["a", "b", "c", "d"]
        run.seek(5, 4)
        assert list(run) == []


def test_an_iterable_that_is_no_sequence_is_read_from_its_start():
    with Only(tp.Source(dict.fromkeys("abcd"))).run() as run:
        run.seek(0, 2)
        assert list(run) == ["c", "d"]
        assert list(run) == ["a", "b", "c", "d"]


def test_folder_source_starts_at_a_file(tmp_path):
    for name in "abc":
        (tmp_path / name).touch()
    with Only(tp.FolderSource(tmp_path)).run() as run:
        run.seek(1, 2)
        assert list(run) == [tmp_path / "c"]
        assert [path.name for path in run] == ["a", "b", "c"]


def test_what_cannot_be_iterated_over_is_refused_at_once():
    with pytest.raises(ParameterError) as caught:
        tp.Source(5)
    assert str(caught.value) == (
        "cannot make a Source of 5: it cannot be iterated over. Pass a list, a range, or anything "
        "else with an `__iter__`."
    )


def test_a_sequence_without_iter_is_a_source():
    class Squares:
        def __getitem__(self, index):
            if index == 3:
                raise IndexError
            return index**2

    assert list(tp.Source(Squares()).forward()) == [0, 1, 4]
