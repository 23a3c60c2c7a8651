"""The network: three layers of convolution, 29,178 weights."""

from pathlib import Path

import torch
from torch import nn

from torchpipe.errors import UsageError


class DigitNet(nn.Sequential):
    """Tells which digit an image shows: `(batch, 1, 28, 28)`, 0.0 to 1.0, to `(batch, 10)` logits.

    Args:
        seed: What its first weights come from.
    """

    def __init__(self, seed: int = 0):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            super().__init__(
                *(nn.Conv2d(1, 16, 3, bias=False), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2)),
                *(nn.Conv2d(16, 32, 3, bias=False), nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)),
                *(nn.Conv2d(32, 64, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.Flatten()),
                nn.Linear(64 * 3 * 3, 10),
            )


def load_network(path: str | Path) -> DigitNet:
    """Returns a network with the weights in a file.

    Raises:
        UsageError: There is no such file, or it holds something else.
    """
    net = DigitNet()
    try:
        net.load_state_dict(torch.load(path, weights_only=True))
    except FileNotFoundError as error:
        raise UsageError(f"cannot read {path}: there is no such file. Train first.") from error
    except Exception as error:  # torch has no class of its own for a file that is something else
        raise UsageError(
            f"cannot read {path}: it does not hold the weights of this network. Train anew."
        ) from error
    return net
