"""What torch sees, as text: `python -m torchpipe.engine.torch_seen`.

A process of its own, because a broken driver may crash or hang whoever imports torch.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator


def seen() -> Iterator[str]:
    """The version, the threads, and one line for each device."""
    import torch

    threads = torch.get_num_threads()
    yield f"torch {torch.__version__}: {threads} threads in one operation on the CPU"
    for index in range(torch.cuda.device_count()):
        of = torch.cuda.get_device_properties(index)
        yield f"cuda:{index}: {of.name}, {of.total_memory / 1e9:.1f} GB"
    if torch.backends.mps.is_available():
        yield "mps: this machine's GPU"
    if not torch.cuda.is_available():
        built = torch.version.cuda
        yield f"no CUDA device: {'this torch is built without CUDA' if not built else 'none found'}"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in seen())
