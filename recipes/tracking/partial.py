"""Files and folders that appear under their names only when they are whole."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from torchpipe.errors import UsageError

_FRAME = re.compile(r"\d{6,}\.png")


class PartialFile:
    """Stands for a file while it is written: write to `path`, then `commit` it or `discard` it.

    It is written under a hidden name beside its target. So neither an error nor Ctrl-C leaves a
    broken file behind, and an older file stays until the new one is whole.

    Args:
        target: The file to write.
        overwrite: Whether it may replace a file that exists.

    Example:
        >>> output = PartialFile("result.txt", overwrite=True)
        >>> _ = output.path.write_text("whole")
        >>> output.commit()
        >>> Path("result.txt").read_text()
        'whole'
    """

    def __init__(self, target: str | Path, overwrite: bool = False):
        check_target(target, overwrite)
        self.name, self.overwrite = str(target), overwrite
        self._target = Path(target).resolve()
        self.path = self._target.with_name(f".{self._target.name}.{os.getpid()}.part")

    def commit(self) -> None:
        """Gives the file its name."""
        check_target(self._target, self.overwrite)
        with writing(self):
            self.path.replace(self._target)

    def discard(self) -> None:
        """Removes what was written and not committed."""
        self.path.unlink(missing_ok=True)


class PartialFolder:
    """Stands for a folder of frames while it is written: fill `path`, then `commit` or `discard`.

    Args:
        target: The folder to write.
        overwrite: Whether it may replace a folder that holds frames and nothing else.

    Example:
        >>> output = PartialFolder("results", overwrite=True)
        >>> output.path.mkdir()
        >>> _ = (output.path / "000001.png").write_text("whole")
        >>> output.commit()
        >>> Path("results/000001.png").read_text()
        'whole'
    """

    def __init__(self, target: str | Path, overwrite: bool = False):
        check_folder(target, overwrite)
        self.name, self.overwrite = str(target), overwrite
        self._target = Path(target).resolve()
        self.path = self._target.with_name(f".{self._target.name}.{os.getpid()}.part")
        self._old = self.path.with_suffix(".old")

    def commit(self) -> None:
        """Gives the folder its name."""
        check_folder(self._target, self.overwrite)
        with writing(self), ExitStack() as undo:
            if self._target.exists():
                self._target.rename(self._old)
                undo.callback(self._old.rename, self._target)
            self.path.rename(self._target)
            undo.pop_all()
        shutil.rmtree(self._old, ignore_errors=True)

    def discard(self) -> None:
        """Removes what was written and not committed."""
        shutil.rmtree(self.path, ignore_errors=True)


def check_folder(target: str | Path, overwrite: bool) -> None:
    """Makes sure that a folder of frames can be made there.

    Raises:
        UsageError: It exists, or holds something else, or the folder above may not be written to.
    """
    _refuse(target, _folder_problem, overwrite)


def check_target(target: str | Path, overwrite: bool) -> None:
    """Makes sure that a file can be written there.

    Raises:
        UsageError: It exists, or its folder doesn't, or may not be written to.
    """
    _refuse(target, _file_problem, overwrite)


def _refuse(target: str | Path, look: Callable[[Path, bool], str | None], overwrite: bool) -> None:
    try:
        problem = look(Path(target).resolve(), overwrite)
    except OSError as error:
        problem = f"{error.strerror}. Name another file."
    if problem:
        raise UsageError(f"cannot write {target}: {problem}")


def _file_problem(path: Path, overwrite: bool) -> str | None:
    if path.exists() and not path.is_file():
        return "it is not a file. Name a file."
    if path.exists() and not overwrite:
        return "it exists. Name another file, or add --overwrite."
    return _place_problem(path)


def _folder_problem(path: Path, overwrite: bool) -> str | None:
    if path.exists() and not path.is_dir():
        return "it is not a folder. Name a folder."
    if path.exists() and not overwrite:
        return "it exists. Name another folder, or add --overwrite."
    other = sorted(inside.name for inside in path.iterdir()) if path.exists() else []
    other = [name for name in other if not _FRAME.fullmatch(name)]
    if other:
        return f"it holds {other[0]}, which is no frame. Name a folder of frames, or a new one."
    return _place_problem(path)


def _place_problem(path: Path) -> str | None:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}. Make it first."
    if not os.access(path.parent, os.W_OK):
        return f"the folder {path.parent} is read-only. Name a file elsewhere."
    return None


@contextmanager
def writing(file: PartialFile | PartialFolder) -> Iterator[None]:
    """Turns a failure to write, such as a full disk, into one that names the file.

    Raises:
        UsageError: The block raised an OSError.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"cannot write {file.name}: {error.strerror or error}. Nothing is left of it. "
            "Make room, or name a file elsewhere."
        ) from error
