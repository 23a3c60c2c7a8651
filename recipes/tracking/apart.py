"""`Apart`: what is kept apart where several videos are followed at once."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torchpipe as tp
from torchpipe.errors import UsageError

from .inputs import VideoSource
from .partial import check_folder, check_target

NAME = "{video}"
FOLDER = "--frames"
_OPTIONS = {"video": "output"}


class Apart:
    """Gives each of several videos cells and files of its own; with one, all stays as it is.

    Args:
        names: The names of the videos.

    >>> Apart(["street", "hall"]).file("tracking.mp4", "hall")
    'tracking-hall.mp4'
    >>> Apart(["street"]).file("tracking.mp4", "street")
    'tracking.mp4'
    >>> Apart(["street"]).file("tracks/{video}.txt", "street")
    'tracks/street.txt'
    """

    def __init__(self, names: Iterable[str]):
        self.names = list(names)
        self.several = len(self.names) > 1

    def cell(self, cell: tp.Cell, prepare: Callable[[Any, str], object] | None = None) -> tp.Cell:
        """Returns a cell that remembers, so that it does for each video: it takes the name first.

        Args:
            cell: The cell.
            prepare: Makes a copy what it must be for a video: see `tp.Each`.
        """
        if self.several:
            return tp.Each(cell, prepare)
        if prepare is not None:
            prepare(cell, self.names[0])
        return cell

    def file(self, target: str, name: str) -> str:
        """Returns the file of a video: its name replaces `{video}`, or else stands at the end."""
        if NAME in target or not self.several:
            return self.filled(target, name)
        path = Path(target)
        return str(path.with_name(f"{path.stem}-{name}{path.suffix}"))

    def filled(self, text: str, name: str) -> str:
        """Returns the text with the name of a video in place of `{video}`."""
        return text.replace(NAME, name)

    def aim(self, writer: Any, name: str) -> None:
        """Makes a writer, of any kind that has a `target`, write into the file of a video."""
        writer.target = self.file(str(writer.target), name)


def check_files(
    sources: Mapping[str, VideoSource], apart: Apart, files: Mapping[str, str], overwrite: bool
) -> None:
    """Makes sure that all files can be written, and are different ones.

    Args:
        sources: The videos.
        apart: Gives each its files.
        files: The files for one video, by what goes there.
        overwrite: Whether they may exist.

    Raises:
        UsageError: They can't, or aren't.
    """
    options = {f"--{_OPTIONS.get(what, what)}": target for what, target in files.items()}
    made = [
        (apart.file(target, name), what) for name in sources for what, target in options.items()
    ]
    paths = [Path(target).resolve() for target, _ in made]
    for (target, option), path in zip(made, paths, strict=True):
        others = [other for (_, other), same in zip(made, paths, strict=True) if same == path]
        if len(others) > 1:
            pair = " and ".join(dict.fromkeys([*others, option]))
            raise UsageError(f"cannot write {target} twice: name two files, {pair}.")
    for source in (Path(str(source.video)).resolve() for source in sources.values()):
        if source in paths:
            raise UsageError(f"cannot write {source}: it is the video to read. Name another file.")
    for target, option in made:
        _check_beside(target, made)
        (check_folder if option == FOLDER else check_target)(target, overwrite)


def _check_beside(target: str, made: Iterable[tuple[str, str]]) -> None:
    folders = [Path(other).resolve() for other, option in made if option == FOLDER]
    inside = [folder for folder in folders if folder in Path(target).resolve().parents]
    if inside:
        raise UsageError(
            f"cannot write {target}: it lies in {inside[0]}, which is for frames alone. Name "
            "another place."
        )
