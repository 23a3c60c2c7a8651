"""`Folder`: the files that a training writes, and whether one may start there."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torchpipe.errors import UsageError

Settings = dict[str, Any]


@dataclass(frozen=True)
class Folder:
    """Where a training writes its files.

    Attributes:
        path: The folder.
        loop: The style of the training.
    """

    path: Path
    loop: str

    @property
    def settings(self) -> Path:
        """What the training was started with."""
        return self.path / "settings.json"

    @property
    def metrics(self) -> Path:
        """The loss of each batch; loss and accuracy in the test after each epoch."""
        return self.path / "metrics.csv"

    @property
    def curves(self) -> Path:
        """The metrics, drawn."""
        return self.path / "curves.png"

    @property
    def checkpoint(self) -> Path:
        """Where the training is saved after each epoch, and goes on from."""
        return self.path / f"{self.loop}.ckpt"

    @property
    def network(self) -> Path:
        """The trained weights."""
        return self.path / "network.pt"

    def check_free(self, overwrite: bool) -> None:
        """Makes sure that a training can start here.

        Raises:
            UsageError: There is one, or the folder can't be written to.
        """
        place = next(
            folder for folder in (self.path, *self.path.resolve().parents) if folder.exists()
        )
        if not (place.is_dir() and os.access(place, os.W_OK)):
            raise UsageError(f"cannot write to {self.path}: name a folder that can be written to.")
        if self.settings.exists() and not overwrite:
            raise UsageError(
                f"cannot train in {self.path}: a training is there. Add --resume to go on with it, "
                f"--overwrite to replace it, or name another folder with --output."
            )

    def check_resumable(self, settings: Settings) -> None:
        """Makes sure that the training here was started in the same way, and was saved.

        Raises:
            UsageError: It wasn't, or there is none.
        """
        try:
            known = json.loads(self.settings.read_text())
        except (OSError, ValueError):
            known = {}
        other = difference(known, settings) if known else ""
        if other:
            raise UsageError(
                f"cannot resume the training in {self.path}: it was started with {other}. Give the "
                f"options that it was started with."
            )
        if not (known and self.checkpoint.is_file()):
            raise UsageError(
                f"cannot resume the training in {self.path}: nothing was saved there. Leave out "
                f"--resume."
            )

    def begin(self, settings: Settings) -> None:
        """Makes the folder ready for a new training: what an older one left is removed."""
        self.path.mkdir(parents=True, exist_ok=True)
        old = [self.metrics, self.curves, self.network, *self.path.glob("*.ckpt")]
        for file in old:
            file.unlink(missing_ok=True)
        self.settings.write_text(json.dumps(settings, indent=2) + "\n")


def difference(known: Settings, given: Settings) -> str:
    """Returns the first setting that is not as it was, as an option; nothing if all are."""
    for name, value in given.items():
        if known.get(name) != value:
            if name == "seed":  # it is made from the option
                return "another --seed"
            return f"--{name.replace('_', '-')} {known.get(name)}, not {value}"
    return ""
