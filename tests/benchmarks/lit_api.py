"""A cell as LitServe has it; its workers are processes, which import this by name."""

from typing import Any

import litserve as ls

import torchpipe as tp


class Api(ls.LitAPI):  # type: ignore[misc]
    """Asks one cell."""

    def __init__(self, cell: tp.Cell):
        super().__init__(api_path="/run")
        self.cell = cell

    def setup(self, device: str) -> None:
        import torch

        torch.set_num_threads(1)
        self.cell.setup(tp.ThreadClone())

    def decode_request(self, request):  # with a type, LitServe reads it from the query
        return int(request["x"])

    def predict(self, x: int) -> int:
        return int(self.cell.forward(x))

    def encode_response(self, output: int) -> Any:
        return {"out": output}
