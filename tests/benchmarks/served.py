"""A server to be measured, in a process of its own: `python -m tests.benchmarks.served KIND PORT`.

Each kind answers `POST /run` with `{"x": number}` by `{"out": number}`: the same number, or the
class that a network of about 5 ms finds for one of sixteen images.
"""

import logging
import sys
from collections.abc import Callable
from typing import Any

import torchpipe as tp
from tests.benchmarks.modules import network, sixteen

UVICORN: dict[str, Any] = {"log_level": "error", "access_log": False}


def same(x: int) -> int:
    return x


class Score(tp.Cell):
    """The network, on the image of this number."""

    def setup(self, clone: Any) -> None:
        self.net, self.images = network(), sixteen(1, side=144)

    def forward(self, x: int) -> int:
        import torch

        with torch.inference_mode():
            return int(self.net(self.images[x % 16]).argmax())


class Asked(tp.Pipeline):
    """One cell that is asked."""

    def __init__(self, cell: tp.Cell, clones: Any):
        super().__init__()
        self.cell = tp.ScaleUp(cell, clones) if clones else cell

    def build(self, x: int) -> Any:
        return self.cell(x)


def torchpipe(cell: tp.Cell, clones: Any, port: int) -> None:
    from torchpipe.serve.server import serve  # what `torchpipe serve` calls

    serve(Asked(cell, clones), port=port)


def bare(function: Callable[[int], int], threads: bool, port: int) -> None:
    """FastAPI alone; a function that takes long runs in its thread pool."""
    import uvicorn
    from fastapi import FastAPI
    from pydantic import BaseModel

    class Input(BaseModel):
        x: int

    class Output(BaseModel):
        out: int

    app = FastAPI()
    if threads:

        @app.post("/run")
        def run(given: Input) -> Output:
            return Output(out=function(given.x))
    else:

        @app.post("/run")
        async def answer(given: Input) -> Output:
            return Output(out=function(given.x))

    uvicorn.run(app, port=port, **UVICORN)


def litserve(cell: tp.Cell, workers: int, port: int) -> None:
    import litserve as ls

    from tests.benchmarks.lit_api import Api

    server = ls.LitServer(Api(cell), accelerator="cpu", workers_per_device=workers)
    server.run(port=port, log_level="error", generate_client_file=False)


def ray_serve(cell: tp.Cell, replicas: int, port: int) -> None:
    import ray
    from ray import serve
    from starlette.requests import Request

    @serve.deployment(
        num_replicas=replicas, ray_actor_options={"num_cpus": 1}, max_ongoing_requests=64
    )
    class Server:
        def __init__(self) -> None:
            import torch

            torch.set_num_threads(1)
            self.cell = cell
            self.cell.setup(tp.ThreadClone())

        async def __call__(self, request: Request) -> Any:
            return {"out": self.cell.forward((await request.json())["x"])}

    ray.init(num_cpus=4, log_to_driver=False, include_dashboard=False)
    serve.start(http_options={"port": port})
    serve.run(Server.bind(), route_prefix="/run", blocking=True)


def one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def scored(x: int) -> int:
    import torch

    with torch.inference_mode():
        return int(network()(sixteen(1, side=144)[x % 16]).argmax())


TWO = [tp.ThreadClone(torch_threads=1), tp.ThreadClone(torch_threads=1)]
TWO_APART = [tp.RayClone(torch_threads=1), tp.RayClone(torch_threads=1)]
KINDS: dict[str, Callable[[int], None]] = {
    "echo torchpipe": lambda port: torchpipe(tp.cell(same), None, port),
    "echo fastapi": lambda port: bare(same, False, port),
    "echo litserve": lambda port: litserve(tp.cell(same), 1, port),
    "echo ray serve": lambda port: ray_serve(tp.cell(same), 1, port),
    "score torchpipe": lambda port: torchpipe(Score(), TWO, port),
    "score torchpipe, Ray clones": lambda port: torchpipe(Score(), TWO_APART, port),
    "score fastapi": lambda port: (one_thread(), bare(scored, True, port))[1],
    "score litserve": lambda port: litserve(Score(), 2, port),
    "score ray serve": lambda port: ray_serve(Score(), 2, port),
}

if __name__ == "__main__":
    logging.disable(logging.WARNING)
    KINDS[sys.argv[1]](int(sys.argv[2]))
