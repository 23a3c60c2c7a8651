"""The file that a run is saved in: written as a whole or not at all, and checked before it is read.

It is what `torch.save` writes, and can be read with `torch.load(path, weights_only=True)`. Its last
bytes, a comment in terms of the zip format, say what it is and hold a checksum of all before them.
"""

from __future__ import annotations

import errno
import io
import os
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from threading import get_ident
from typing import Any

from torchpipe.engine.saving.sound import fits_in, is_stored
from torchpipe.errors import StateError

MARK = b"torchpipe run, checksum "
CHECKSUM = 32  # hexadecimal digits


def write(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write a state; the file appears under its name when it is whole, and safe from a crash.

    Args:
        path: The file; it is replaced if it exists.
        state: Dicts, lists, numbers, text and tensors.

    Raises:
        OSError: It cannot be written. There is the old file, if there was one, and nothing else.
    """
    import torch

    target = Path(path)
    refuse_place(target)
    buffer = io.BytesIO()
    torch.save(state, buffer)
    partial = target.with_name(f".{target.name}.{os.getpid()}-{get_ident()}.part")
    try:
        with partial.open("xb") as file:
            file.write(sealed(buffer.getvalue()))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    sync_folder(target.parent)


def refuse_place(target: Path) -> None:
    """Refuse where no file can be, by the path that was given."""
    if target.is_dir():
        text = "cannot save the run: this is a folder, and a file is needed. Add a name"
        raise IsADirectoryError(errno.EISDIR, text, str(target))
    if not target.parent.is_dir():
        text = "cannot save the run: there is no such folder for the file. Make it first"
        raise FileNotFoundError(errno.ENOENT, text, str(target))


def sync_folder(folder: Path) -> None:
    """Make sure that the new name of a file survives a crash."""
    with suppress(PermissionError):  # Windows opens no folders
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def read(path: str | os.PathLike[str]) -> Any:
    """Read a state.

    Raises:
        OSError: The file cannot be read.
        StateError: It is damaged, or no such file.
    """
    import torch

    data = Path(path).read_bytes()
    end = len(data) - CHECKSUM
    if not data[:end].endswith(MARK):
        raise StateError(
            f"cannot load {path}: it is no saved run, or only its beginning. Give a file that "
            f"run.save wrote."
        )
    if data[end:] != checksum(data[:end]):
        raise StateError(
            f"cannot load {path}: it is damaged, its checksum does not fit. Load an older one."
        )
    try:
        state = torch.load(io.BytesIO(data), weights_only=True) if is_stored(data) else None
        made_here = state is not None and fits_in(state, len(data))
    except Exception:  # which one, the unpickler does not say
        made_here = False
    if not made_here:
        raise StateError(
            f"cannot load {path}: it was not written by run.save, though its checksum fits. Do not "
            f"trust whoever gave it to you."
        )
    return state


def sealed(data: bytes) -> bytes:
    """A zip archive without a comment, with one."""
    size = (len(MARK) + CHECKSUM).to_bytes(2, "little")
    marked = data[: -len(size)] + size + MARK
    return marked + checksum(marked)


def checksum(data: bytes) -> bytes:
    """The checksum, in hexadecimal digits."""
    return blake2b(data, digest_size=CHECKSUM // 2).hexdigest().encode()
