"""Every error that torchpipe raises, as one tree.

::

    TorchpipeError
    ├── GraphError              the pipeline is not what can run
    │   ├── ConnectError        one connection is impossible        (raised while `build` runs)
    │   └── CheckError          all findings of `pipeline.check()`  (raised before anything starts)
    ├── ParameterError          a value that a parameter does not take   (also a ValueError)
    ├── UsageError              a command line, target, file or option that cannot be used
    └── RunError                a pipeline in motion
        ├── Stopped             the run has ended, its results are gone
        ├── BudgetExceeded      more items were skipped than allowed
        ├── ItemDropped         the item that was asked for was filtered or skipped
        ├── StalledError        a cell's function does not return
        ├── StateError          a state that cannot be saved, or a saved one that does not fit
        ├── CloneLost           a clone in another process died, and its work cannot go on
        └── ClusterError        clones were asked for that the Ray cluster cannot have

    EndOfStream                 not a failure: a source says that it has no more items
    StallWarning                a warning: nothing moved for a while; it names who is stuck

An exception that a user's cell raises is never wrapped: it keeps its type and traceback, and gets a
note that says in which cell, clone and item it happened.
"""

from __future__ import annotations

from collections.abc import Sequence


class TorchpipeError(Exception):
    """Any error of torchpipe's own; the errors of users' cells are not among them."""


class GraphError(TorchpipeError):
    """The pipeline is connected in a way that cannot run."""


class ConnectError(GraphError):
    """One connection is impossible: raised at the line that makes it."""


class CheckError(GraphError):
    """All that `Pipeline.check` found, one line each.

    Attributes:
        pipeline: The path of what was checked.
        findings: One sentence per problem: what, why, and what to write instead.
    """

    def __init__(self, pipeline: str, findings: Sequence[str]):
        self.pipeline = pipeline
        self.findings = tuple(findings)
        count = "1 problem" if len(findings) == 1 else f"{len(findings)} problems"
        lines = "".join(f"\n  - {finding}" for finding in self.findings)
        super().__init__(f"{pipeline} cannot run, {count}:{lines}")

    def __reduce__(self) -> tuple[type[CheckError], tuple[str, tuple[str, ...]]]:
        """Pickle by the two arguments, not by the text."""
        return type(self), (self.pipeline, self.findings)


class ParameterError(TorchpipeError, ValueError):
    """A value that a parameter or config does not take, or one that may not change now."""


class UsageError(TorchpipeError):
    """A command, target, file or option that cannot be used; its text fits on one line."""


class RunError(TorchpipeError):
    """Something about a pipeline in motion."""


class Stopped(RunError):
    """The run has ended: nothing more can be asked of it."""


class BudgetExceeded(RunError):
    """More items failed than `Skip(budget=...)` allows; the last failure is its cause."""


class ItemDropped(RunError):
    """The one item that was asked for has no result: a cell filtered or skipped it."""


class StalledError(RunError):
    """A cell's function does not return; the text shows its cell, clone, item and stack."""


class StateError(RunError):
    """What a run remembers cannot be saved, or what was saved cannot be loaded; nothing changed."""


class CloneLost(RunError):
    """A clone in another process died, and its items could not be run again."""


class ClusterError(RunError):
    """Ray is missing, or its cluster has not what a clone asks for."""


class EndOfStream(Exception):
    """Raised in the `forward` of a source that is not a generator: there are no more items."""


class StallWarning(UserWarning):
    """Nothing moved for `stall_after` seconds while the consumer waited."""
