"""Finds the files of MOTChallenge: ground truth and results, sequence by sequence.

The folders are those of https://motchallenge.net, as TrackEval
(https://github.com/JonathonLuiten/TrackEval) looks for them.
"""

from configparser import ConfigParser
from configparser import Error as IniError
from dataclasses import dataclass
from pathlib import Path

from torchpipe.errors import UsageError

_TRUTH = Path("gt", "gt.txt")
_NAME = "{sequence}"


@dataclass(frozen=True)
class SequenceFiles:
    """Where one sequence is.

    Attributes:
        name: What it is called.
        truth: The file of the ground truth.
        tracks: The file with what a tracker made of it.
        length: How many frames it has; None if nothing says so.
    """

    name: str
    truth: Path
    tracks: Path
    length: int | None


def find_sequences(
    truth: str | Path, tracks: str | Path, only: str | None = None
) -> list[SequenceFiles]:
    """Finds all sequences of a folder, and the results that belong to them.

    Args:
        truth: A folder of sequences, each with a `gt/gt.txt`; or one such sequence.
        tracks: A folder with a `NAME.txt` for each sequence, or with a `data` folder that has them;
            or a path in which `{sequence}` stands for the name.
        only: The names of the sequences to look at, with commas between them; None for all.

    Raises:
        UsageError: There is no ground truth, or a sequence has no results.
    """
    folders = _chosen(_folders(Path(truth)), only)
    return [
        SequenceFiles(name, folder / _TRUTH, _results(tracks, name), _length(folder))
        for name, folder in folders.items()
    ]


def _folders(truth: Path) -> dict[str, Path]:
    whole = [truth] if (truth / _TRUTH).is_file() else sorted(truth.glob("*/"))
    folders = {path.resolve().name: path for path in whole if (path / _TRUTH).is_file()}
    if not folders:
        raise UsageError(
            f"cannot evaluate: there is no ground truth in {truth}. Name a folder of sequences, "
            f"each with {_TRUTH}."
        )
    return folders


def _chosen(folders: dict[str, Path], only: str | None) -> dict[str, Path]:
    names = list(folders) if only is None else [name.strip() for name in only.split(",")]
    for name in names:
        if name not in folders:
            raise UsageError(
                f"cannot evaluate {name}: there is no such sequence; there are: "
                f"{', '.join(folders)}. Name some of them."
            )
    return {name: folders[name] for name in names}


def _results(tracks: str | Path, name: str) -> Path:
    if _NAME in str(tracks):
        places = [Path(str(tracks).replace(_NAME, name))]
    else:
        places = [Path(tracks, f"{name}.txt"), Path(tracks, "data", f"{name}.txt")]
    for path in places:
        if path.is_file():
            return path
    raise UsageError(
        f"cannot evaluate {name}: there is no file {' or '.join(map(str, places))}. Name a folder "
        f"with a file for each sequence, or a path with {_NAME} in it."
    )


def _length(folder: Path) -> int | None:
    """How many frames `seqinfo.ini` states."""
    file, ini = folder / "seqinfo.ini", ConfigParser(interpolation=None)
    try:
        ini.read(file)
        return ini.getint("Sequence", "seqLength", fallback=None)
    except (IniError, ValueError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {file}: {error}. Mend it or take it away.") from error
