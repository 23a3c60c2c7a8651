"""What tests of several kinds of sources share."""

from __future__ import annotations

import torchpipe as tp


class Only(tp.Pipeline):
    """One source, nothing else."""

    def __init__(self, source):
        super().__init__()
        self.source = source

    def build(self):
        return self.source()
