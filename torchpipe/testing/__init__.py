"""What tests of cells and pipelines use: they decide when things happen instead of sleeping.

`Gate`, `Barrier` and `Recorder` are cells that pass items on. All copies that a run makes of one
share what they know, so the test keeps the definition and asks it. They work in thread clones; any
function of yours may call `gate.hold(number)` and `barrier.meet()` too. Every wait has a timeout,
and fails with the stacks of all threads.

`check_cell` runs a cell alone and looks for what would go wrong in a pipeline.

Reading order: waiting, gates, recorder; same, outputs, check.
"""

from torchpipe.testing.check import check_cell
from torchpipe.testing.gates import Barrier, Gate
from torchpipe.testing.recorder import Event, Recorder
from torchpipe.testing.waiting import WaitTimeout, stacks, wait_for

__all__ = [
    "Barrier",
    "Event",
    "Gate",
    "Recorder",
    "WaitTimeout",
    "check_cell",
    "stacks",
    "wait_for",
]
