from pathlib import Path

import pytest

from recipes.digits.folder import Folder
from torchpipe.errors import UsageError

SETTINGS = {"loop": "plain", "batch_size": 50}


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "deep" / "run", "plain")


def refusal(action, *arguments):
    with pytest.raises(UsageError) as error:
        action(*arguments)
    return str(error.value)


def test_a_new_folder_is_free_and_is_not_made_by_asking(folder):
    folder.check_free(overwrite=False)
    assert not folder.path.exists()


def test_a_training_is_not_overwritten_unless_told(folder):
    folder.begin(SETTINGS)
    assert refusal(folder.check_free, False) == (
        f"cannot train in {folder.path}: a training is there. Add --resume to go on with it, "
        f"--overwrite to replace it, or name another folder with --output."
    )
    folder.check_free(overwrite=True)


def test_a_new_training_removes_what_an_older_one_left_and_nothing_else(folder):
    folder.begin(SETTINGS)
    files = [folder.metrics, folder.curves, folder.network, folder.checkpoint]
    mine = folder.path / "notes.txt"
    for file in (*files, mine):
        file.touch()
    folder.begin(SETTINGS)
    assert sorted(folder.path.iterdir()) == [mine, folder.settings]


@pytest.mark.parametrize("name", ["file", "file/within"])
def test_a_file_is_no_folder(tmp_path, name):
    (tmp_path / "file").touch()
    folder = Folder(tmp_path / name, "plain")
    text = f"cannot write to {tmp_path / name}: name a folder that can be written to."
    assert refusal(folder.check_free, False) == text


def test_what_was_saved_goes_on_with_the_same_settings(folder):
    folder.begin(SETTINGS)
    folder.checkpoint.touch()
    folder.check_resumable(SETTINGS)


def test_other_settings_are_refused(folder):
    folder.begin(SETTINGS)
    folder.checkpoint.touch()
    assert refusal(folder.check_resumable, SETTINGS | {"batch_size": 64}) == (
        f"cannot resume the training in {folder.path}: it was started with --batch-size 50, not "
        f"64. Give the options that it was started with."
    )


@pytest.mark.parametrize("begun", [False, True])
def test_where_nothing_was_saved_nothing_goes_on(folder, begun):
    if begun:
        folder.begin(SETTINGS)
    assert refusal(folder.check_resumable, SETTINGS) == (
        f"cannot resume the training in {folder.path}: nothing was saved there. Leave out --resume."
    )


def test_the_files_of_a_training_lie_side_by_side():
    folder = Folder(Path("run"), "cell")
    names = [folder.settings, folder.metrics, folder.curves, folder.network, folder.checkpoint]
    assert [str(path) for path in names] == [
        "run/settings.json",
        "run/metrics.csv",
        "run/curves.png",
        "run/network.pt",
        "run/cell.ckpt",
    ]
