import os
from pathlib import Path

import pytest

from recipes.tracking.partial import PartialFile, check_target, writing
from torchpipe.errors import UsageError


def refusal(target, overwrite=False):
    with pytest.raises(UsageError) as caught:
        check_target(target, overwrite)
    return str(caught.value)


def test_an_existing_file(tmp_path):
    path = tmp_path / "a.txt"
    path.touch()
    assert refusal(path) == (
        f"cannot write {path}: it exists. Name another file, or add --overwrite."
    )
    check_target(path, overwrite=True)


@pytest.mark.parametrize("target", [".", os.devnull])
def test_what_is_not_a_file_is_never_replaced(target):
    expected = f"cannot write {target}: it is not a file. Name a file."
    assert refusal(target, overwrite=True) == refusal(target) == expected


def test_a_missing_folder(tmp_path):
    path = tmp_path / "no" / "a.txt"
    assert refusal(path) == (
        f"cannot write {path}: there is no folder {path.parent}. Make it first."
    )


def test_a_name_that_no_file_can_have(tmp_path):
    path = tmp_path / ("a" * 300)
    assert refusal(path) == f"cannot write {path}: File name too long. Name another file."


def test_a_folder_that_is_read_only(tmp_path):
    path = tmp_path / "a.txt"
    tmp_path.chmod(0o500)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("root may write everywhere")
        assert refusal(path) == (
            f"cannot write {path}: the folder {tmp_path} is read-only. Name a file elsewhere."
        )
    finally:
        tmp_path.chmod(0o700)


def test_a_file_that_appeared_meanwhile_is_not_replaced(tmp_path):
    path = tmp_path / "a.txt"
    file = PartialFile(path)
    file.path.write_text("ours")
    path.write_text("theirs")
    with pytest.raises(UsageError, match="it exists"):
        file.commit()
    file.discard()
    assert path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path):
    link, real = tmp_path / "link.txt", tmp_path / "real.txt"
    real.write_text("old")
    link.symlink_to(real)
    file = PartialFile(link, overwrite=True)
    file.path.write_text("new")
    file.commit()
    assert link.is_symlink()
    assert real.read_text() == "new"


def test_a_relative_name_is_fixed_at_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = PartialFile("a.txt")
    file.path.write_text("whole")
    monkeypatch.chdir("/")
    file.commit()
    assert (tmp_path / "a.txt").read_text() == "whole"


def test_only_failures_to_write_are_reworded(tmp_path):
    file = PartialFile(tmp_path / "a.txt")
    with pytest.raises(ZeroDivisionError), writing(file):
        1 / 0  # noqa: B018
    with pytest.raises(UsageError) as caught, writing(file):
        Path(os.devnull, "a").write_text("")
    assert str(caught.value) == (
        f"cannot write {tmp_path / 'a.txt'}: Not a directory. Nothing is left of it. "
        "Make room, or name a file elsewhere."
    )
    assert isinstance(caught.value.__cause__, NotADirectoryError)
