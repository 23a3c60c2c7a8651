"""`seeded`: torch's global generators start from a seed for a while, and then are as before.

What draws from them (dropout, the order of a DataLoader) cannot be given a generator of its own.
They are common to all threads: while one thread is in the block, no other may draw from them.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

CPU = torch.device("cpu")


@contextmanager
def seeded(seed: int | None, device: torch.device = CPU) -> Iterator[None]:
    """Seed the generator of the CPU, and that of a CUDA device; put them back after the block.

    Args:
        seed: 64 bits; None leaves the generators alone.
        device: Where else the block computes.
    """
    if seed is None:
        yield
        return
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices):
        torch.default_generator.manual_seed(seed)  # `torch.manual_seed` is slow without CUDA
        for other in devices:
            with torch.cuda.device(other):
                torch.cuda.manual_seed(seed)
        yield
