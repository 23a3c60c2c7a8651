"""A file that appears under its name only when it is whole."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from torchpipe.errors import UsageError


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


def check_target(target: str | Path, overwrite: bool) -> None:
    """Makes sure that a file can be written there.

    Raises:
        UsageError: It exists, or its folder doesn't, or may not be written to.
    """
    try:
        problem = _problem(Path(target).resolve(), overwrite)
    except OSError as error:
        problem = f"{error.strerror}. Name another file."
    if problem:
        raise UsageError(f"cannot write {target}: {problem}")


def _problem(path: Path, overwrite: bool) -> str | None:
    if path.exists() and not path.is_file():
        return "it is not a file. Name a file."
    if path.exists() and not overwrite:
        return "it exists. Name another file, or add --overwrite."
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}. Make it first."
    if not os.access(path.parent, os.W_OK):
        return f"the folder {path.parent} is read-only. Name a file elsewhere."
    return None


@contextmanager
def writing(file: PartialFile) -> Iterator[None]:
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
