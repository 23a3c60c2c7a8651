"""`CsvLog`: metrics as a table in a text file."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

from torchpipe.errors import UsageError

Row = Mapping[str, Any]


class CsvLog:
    """Writes metrics to a CSV file: a row each time, as soon as they are known.

    Whoever logs may go back: the rows from that step on are dropped. So a resumed run goes on where
    it was saved, and one that starts at step 0 starts the file anew.

    Args:
        path: The file; its folder is made if need be.

    Raises:
        UsageError: There is another table in the file; raised with the first row.

    >>> import pathlib, tempfile
    >>> from torchpipe.train import CsvLog
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = CsvLog(pathlib.Path(folder, "metrics.csv"))
    ...     log.log_metrics({"loss": 2.5}, step=0)
    ...     log.log_metrics({"loss": 1.5, "accuracy": 0.5}, step=1)
    ...     log.finalize("success")
    ...     log.path.read_text().split()
    ['step,loss,accuracy', '0,2.5,', '1,1.5,0.5']
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)
        self._names: list[str] = []
        self._last: int | None = None
        self._file: TextIO | None = None

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Add a row; metrics that are new get columns of their own."""
        if self._last is None or step < self._last:
            self._rewrite([], [row for row in self._rows() if int(row["step"]) < step])
        self._last = step
        new = [name for name in metrics if name not in self._names]
        if new:
            self._rewrite(new, self._rows())
        if self._file is None:
            self._file = self._opened()
        writer = csv.DictWriter(self._file, self._names, lineterminator="\n")
        writer.writerow({"step": step, **metrics})

    def _rows(self) -> list[dict[str, str]]:
        """The rows in the file, and its columns as `_names`."""
        if not self.path.is_file():
            self._names = ["step"]
            return []
        with self.path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            self._names = list(reader.fieldnames or ["step"])
            if "step" not in self._names:
                raise UsageError(
                    f"cannot log to {self.path}: another table is in it, with the columns "
                    f"{', '.join(self._names)}. Name another file."
                )
            return list(reader)

    def _rewrite(self, new: Sequence[str], rows: Sequence[Row]) -> None:
        """Replace the file by one with these rows, and more columns."""
        self.finalize("open")
        self._names += new
        self.path.parent.mkdir(parents=True, exist_ok=True)
        made = self.path.with_name(f".{self.path.name}.part")
        with made.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, self._names, lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
        made.replace(self.path)

    def _opened(self) -> TextIO:
        """The file, to add rows, each of which is there at once."""
        return self.path.open("a", newline="", encoding="utf-8", buffering=1)

    def finalize(self, status: str) -> None:
        """Close the file; the next row opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the open file behind: a copy begins as a new log does."""
        return self.__dict__ | {"_file": None, "_last": None}
