"""`Model`: a service as the protocol sees it, and what it says of itself.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from time import perf_counter_ns, time
from typing import Any

from torchpipe.serve.kserve.kinds import Kind, kind_of
from torchpipe.serve.kserve.request import InferRequest
from torchpipe.serve.kserve.shown import shown
from torchpipe.serve.kserve.tensor import Tensor
from torchpipe.serve.refusals import Refusal
from torchpipe.serve.service import Service

VERSION = "1"
PLATFORM = "torchpipe"
EXTENSIONS = [
    "binary_tensor_data",
    "model_configuration",
    "model_repository",
    "parameters",
    "sequence",
    "statistics",
]


@dataclass
class Counted:
    """How many requests there were, and how long they took."""

    count: int = 0
    ns: int = 0

    def add(self, since: int) -> None:
        """One more, which began then."""
        self.count += 1
        self.ns += perf_counter_ns() - since


@dataclass
class Tally:
    """What became of the requests so far.

    Attributes:
        last: Milliseconds since 1970 when the last one succeeded; 0 if none has.
    """

    success: Counted = field(default_factory=Counted)
    fail: Counted = field(default_factory=Counted)
    last: int = 0

    def succeeded(self, since: int) -> None:
        """A request has its reply."""
        self.success.add(since)
        self.last = int(time() * 1000)


class Model:
    """A service as the protocol sees it: one model, of one version.

    Attributes:
        name: The name of the pipeline.
        inputs, outputs: How the values of its ports travel, by name.
        tally: What became of the requests so far.
    """

    def __init__(self, service: Service):
        self.service, self.name = service, service.pipeline.path
        self.inputs: dict[str, Kind] = {n: kind_of(p) for n, p in service.inputs.items()}
        self.outputs: dict[str, Kind] = {n: kind_of(p) for n, p in service.outputs.items()}
        self.tally = Tally()

    @property
    def ready(self) -> bool:
        """Whether it takes requests."""
        return not self.service.draining

    def values(self, request: InferRequest) -> dict[str, Any]:
        """The inputs in a request.

        Raises:
            Refusal: They, or the outputs that it wants, are not those that there are.
        """
        refuse_others("input", self.inputs, request.inputs)
        refuse_others("output", self.outputs, request.outputs or ())
        for name, port in self.service.inputs.items():
            if name not in request.inputs and port.required:
                kind = self.inputs[name]
                wanted = f"{kind.datatype}, shape {list(kind.shape)}"
                raise Refusal(f"input {name!r} is missing: send it ({wanted}).")
        return {name: self.inputs[name].read(found) for name, found in request.inputs.items()}

    def tensors(self, outputs: Any) -> list[Tensor]:
        """The outputs of the pipeline."""
        return [kind.write(outputs[name]) for name, kind in self.outputs.items()]

    # -- what it says of itself

    def metadata(self) -> dict[str, Any]:
        """What a client must know to send requests."""
        return {
            "name": self.name,
            "versions": [VERSION],
            "platform": PLATFORM,
            "inputs": [as_metadata(kind) for kind in self.inputs.values()],
            "outputs": [as_metadata(kind) for kind in self.outputs.values()],
        }

    def config(self) -> dict[str, Any]:
        """The same, as Triton has it; batches are made inside, so clients make none."""
        return {
            "name": self.name,
            "platform": PLATFORM,
            "backend": PLATFORM,
            "max_batch_size": 0,
            "model_transaction_policy": {"decoupled": self.service.several},
            "input": [as_config(kind) for kind in self.inputs.values()],
            "output": [as_config(kind) for kind in self.outputs.values()],
        }

    def index(self) -> list[dict[str, Any]]:
        """All models: this one."""
        state = "READY" if self.ready else "UNAVAILABLE"
        return [{"name": self.name, "version": VERSION, "state": state, "reason": ""}]

    def statistics(self) -> dict[str, Any]:
        """How many requests there were; times are nanoseconds."""
        success, fail = vars(self.tally.success), vars(self.tally.fail)
        told = {
            "name": self.name,
            "version": VERSION,
            "last_inference": self.tally.last,
            "inference_count": self.tally.success.count,
            "execution_count": self.tally.success.count,
            "inference_stats": {"success": success, "fail": fail},
        }
        return {"model_stats": [told]}

    def refuse_several(self) -> None:
        """Refuse requests where a reply could not hold all results."""
        if self.service.several:
            raise Refusal(
                f"{self.name} gives any number of results for a request (it is decoupled), which "
                f"the protocol has no reply for over HTTP. Ask POST /stream, or POST /run for all."
            )

    def refuse_other(self, name: str, version: str = VERSION) -> None:
        """Refuse models and versions that there are not."""
        if name != self.name:
            raise Refusal(f"there is no model {shown(name)}; there is: {self.name}.", 404)
        if version != VERSION:
            text = f"there is no version {shown(version)} of {self.name}; there is: {VERSION}."
            raise Refusal(text, 404)


def as_metadata(kind: Kind) -> dict[str, Any]:
    """A port in the metadata of a model."""
    return {"name": kind.name, "datatype": kind.datatype, "shape": list(kind.shape)}


def as_config(kind: Kind) -> dict[str, Any]:
    """A port in Triton's configuration of a model."""
    known = "STRING" if kind.datatype == "BYTES" else kind.datatype
    return {"name": kind.name, "data_type": f"TYPE_{known}", "dims": list(kind.shape)}


def refuse_others(what: str, known: Iterable[str], given: Iterable[str]) -> None:
    """Refuse names that there are not."""
    there = list(known)
    for name in given:
        if name not in there:
            raise Refusal(f"there is no {what} {shown(name)}; there are: {', '.join(there)}.")
