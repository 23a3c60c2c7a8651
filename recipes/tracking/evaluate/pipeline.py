"""The whole: folders in, a table out."""

import operator
from typing import NamedTuple

import torchpipe as tp

from ..partial import check_target
from .folders import SequenceFiles, find_sequences
from .scores import Scores, score
from .sequence import read_pairing
from .table import combined, table, write_csv


class Evaluation(tp.Pipeline):
    """Scores tracks against the ground truth: HOTA, CLEAR (MOTA) and Identity (IDF1).

    For each sequence it gives its name and its `Scores`.

    Args:
        truth: A folder of MOTChallenge sequences, each with gt/gt.txt; or one such sequence.
        tracks: A folder with NAME.txt for each sequence, or a path in which {sequence} stands for
            the name.
        csv: Where all figures go, as CSV.
        only: The names of the sequences to look at, with commas between them. Default: all.
        overwrite: Replace a file that exists.

    Raises:
        UsageError: A file can't be read; from `check`: one can't be written.
    """

    def __init__(
        self,
        truth: str,
        tracks: str,
        csv: str | None = None,
        only: str | None = None,
        overwrite: bool = False,
    ):
        super().__init__()
        self.sequences = tp.Source(find_sequences(truth, tracks, only))
        self.score = ScoreSequence()
        self.report = Report(csv, overwrite)

    def check(self) -> None:
        """Find everything that is wrong with this pipeline, or with the file that it is to write.

        Raises:
            CheckError: With all findings in the graph.
            UsageError: The file exists, or can't be written.
        """
        super().check()
        if self.report.csv is not None:
            check_target(self.report.csv, self.report.overwrite)

    def build(self) -> tuple[str, Scores]:
        name, scores = self.score(self.sequences())
        self.report(name, scores)
        return name, scores

    def summary(self) -> dict[str, str]:
        """The table, and the file that was written, for the end of `torchpipe run`."""
        results = {"results": f"shares in percent\n\n{table(combined(self.report.scores))}"}
        return results if self.report.csv is None else {"csv": self.report.csv} | results

    def __length_hint__(self) -> int:
        """How many sequences there are, for a progress bar."""
        return operator.length_hint(self.sequences)


class SequenceScores(NamedTuple):
    """The scores of one sequence."""

    name: str
    scores: Scores


class ScoreSequence(tp.Cell):
    """Reads the files of one sequence and scores them. Stateless."""

    def forward(self, files: SequenceFiles) -> SequenceScores:
        return SequenceScores(files.name, score(read_pairing(files)))


class Report(tp.Cell):
    """Keeps all scores, and writes them as CSV at the end of the stream.

    Args:
        csv: The file to write, if any.
        overwrite: Whether it may replace a file that exists.
    """

    stateful = True

    def __init__(self, csv: str | None = None, overwrite: bool = False):
        super().__init__()
        self.csv, self.overwrite = csv, overwrite
        self.scores: dict[str, Scores] = {}

    def reset(self) -> None:
        self.scores.clear()  # in place: the definition shares it, to be looked at

    def forward(self, name: str, scores: Scores) -> None:
        self.scores[name] = scores

    def finish(self) -> None:
        if self.csv is not None:
            write_csv(combined(self.scores), self.csv, self.overwrite)
