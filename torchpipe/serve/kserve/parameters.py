"""The parameters of an infer request: those of Triton's extensions, for sequences and binary data.

https://github.com/triton-inference-server/server/blob/main/docs/protocol/README.md
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torchpipe.serve.kserve.fields import Object, an_object, count, truth
from torchpipe.serve.kserve.shown import shown
from torchpipe.serve.refusals import Refusal

LONGEST = 86_400_000_000
LONGEST_NAME = 256


@dataclass(frozen=True)
class Sequence:
    """Which stream a request belongs to.

    Attributes:
        id: Chosen by the client: a number or text.
        start: Whether the request is the first of its stream.
        end: Whether it is the last one.
    """

    id: int | str
    start: bool = False
    end: bool = False


@dataclass(frozen=True)
class Parameters:
    """What a request says beside its tensors.

    Attributes:
        sequence: The stream that it belongs to, or None.
        timeout: Seconds that it may take, or None.
        binary: Whether outputs are wanted as binary data where nothing else is said.
        others: All other parameters.
    """

    sequence: Sequence | None = None
    timeout: float | None = None
    binary: bool = False
    others: dict[str, bool | int | float | str] = field(default_factory=dict)


def parameters_of(value: Any) -> Parameters:
    """The parameters in a request.

    Raises:
        Refusal: One is not what it must be.
    """
    found = dict(an_object({} if value is None else value, "parameters"))
    for name, given in found.items():
        if not isinstance(given, bool | int | float | str):
            where = f"parameters[{shown(name)}]"
            raise Refusal(f"{where} must be a number, text, true or false, not {shown(given)}.")
    sequence = sequence_of(found)
    timeout = timeout_of(found.pop("timeout", 0))
    binary = truth(found.pop("binary_data_output", False), "parameters.binary_data_output")
    return Parameters(sequence, timeout, binary, found)


def timeout_of(value: Any) -> float | None:
    """The seconds in a number of microseconds; 0 is none."""
    if count(value, "parameters.timeout") > LONGEST:
        raise Refusal(f"parameters.timeout must be at most {LONGEST} microseconds, a day.")
    return value / 1e6 or None


def sequence_of(found: Object) -> Sequence | None:
    """The stream that a request belongs to; 0 and empty text are none."""
    name = found.pop("sequence_id", 0)
    start = truth(found.pop("sequence_start", False), "parameters.sequence_start")
    end = truth(found.pop("sequence_end", False), "parameters.sequence_end")
    if not isinstance(name, str):
        count(name, "parameters.sequence_id")
    elif len(name) > LONGEST_NAME:  # it is kept as long as the sequence lasts
        raise Refusal(f"parameters.sequence_id must have at most {LONGEST_NAME} characters.")
    if name in (0, "") and (start or end):
        raise Refusal(
            "parameters.sequence_start and sequence_end need a sequence_id other than 0: say which "
            "sequence starts or ends."
        )
    return None if name in (0, "") else Sequence(name, start, end)


def refuse_memory(found: Object, where: str) -> None:
    """Refuse shared memory, which clients elsewhere could not use either."""
    for name in found:
        if name.startswith("shared_memory"):
            raise Refusal(
                f"{where} refers to shared memory, which is not served: send the data with the "
                f"request."
            )
