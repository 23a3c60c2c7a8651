"""The devices of this machine: those that clones ask for, and how much memory is in use."""

from __future__ import annotations

from collections.abc import Iterable

from torchpipe.errors import CheckError
from torchpipe.graph.clone import Clone, RayClone
from torchpipe.graph.plan import Plan


def refuse_missing(pipeline: str, plan: Plan) -> None:
    """Refuse clones on devices that are not there.

    Raises:
        CheckError: With all of them.
    """
    clones = [(node.path, clone) for node in plan.graph.nodes for clone in node.clones or ()]
    found = missing_devices(placed for placed in clones if not isinstance(placed[1], RayClone))
    if found:
        raise CheckError(pipeline, found)


def missing_devices(clones: Iterable[tuple[str, Clone]]) -> list[str]:
    """One sentence for each clone (of the cell at a path) whose device is not there."""
    wanted = [(path, clone) for path, clone in clones if clone.device != "cpu"]
    if not wanted:
        return []
    import torch

    count = torch.cuda.device_count()
    there = ["cpu", *(f"cuda:{index}" for index in range(count))]
    found = []
    for path, clone in wanted:
        try:
            device = torch.device(clone.device)
        except RuntimeError:
            found.append(
                f"{path} ({clone}): there is no such device. Use one of {', '.join(there)}."
            )
            continue
        if device.type == "cuda" and (device.index or 0) >= count:
            found.append(
                f"{path} ({clone}) cannot run: this machine has {count} CUDA devices. Use one of "
                f"{', '.join(there)}."
            )
    return found


def memory_by_stream() -> dict[tuple[int, int], int]:
    """Bytes that this process holds on CUDA devices, by device and stream."""
    import torch

    found: dict[tuple[int, int], int] = {}
    for segment in torch.cuda.memory_snapshot():  # type: ignore[no-untyped-call]
        place = segment["device"], segment["stream"]
        found[place] = found.get(place, 0) + segment["allocated_size"]
    return found


def capacity(device: str) -> tuple[int, int]:
    """Bytes of a CUDA device's memory that are in use, and all."""
    import torch

    free, all_of_it = torch.cuda.mem_get_info(device)
    return all_of_it - free, all_of_it
