"""MobileNetV2: the convolutions that turn an image into feature maps.

After "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (Sandler et al. 2018,
https://arxiv.org/abs/1801.04381). Every convolution knows its `scope`, the name of its layer in the
TensorFlow graph that the weights come from. So it loads itself, its batch norm folded in, and no
table of names is needed.
"""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

Weights = Mapping[str, NDArray[np.float32]]

_SCOPE = "FeatureExtractor/MobilenetV2"
_EPSILON = 1e-3
_BLOCKS = [  # expansion, channels, how many, stride of the first: table 2 of the paper
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]
_FINE_BLOCK = 13  # a detector looks into this block too: its expanded input has stride 16


class Convolution(nn.Module):
    """A convolution, clamped to [0, 6] unless `linear`; of size 1, or of size 3 and depthwise.

    Args:
        scope: The name of the layer in the TensorFlow graph.
        inputs: Channels.
        outputs: Channels.
        size: Of the kernel, in pixels.
        stride: 1, or 2 to halve the map.
        linear: Whether to leave out the clamping.
    """

    def __init__(
        self,
        scope: str,
        inputs: int,
        outputs: int,
        *,
        size: int = 1,
        stride: int = 1,
        linear: bool = False,
    ):
        super().__init__()
        self.scope, self.size, self.stride, self.linear = scope, size, stride, linear
        self.depthwise = size > 1 and inputs == outputs
        self.groups = inputs if self.depthwise else 1
        self.weight = nn.Parameter(torch.zeros(outputs, inputs // self.groups, size, size))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x: Tensor) -> Tensor:
        padding = self.size // 2
        if self.stride == 2 and x.shape[-1] % 2 == 0:
            # TensorFlow pads an even map only at the right and at the bottom.
            x, padding = functional.pad(x, (0, 1, 0, 1)), 0
        y = functional.conv2d(x, self.weight, self.bias, self.stride, padding, groups=self.groups)
        return y if self.linear else functional.relu6(y, inplace=True)

    @torch.no_grad()
    def load(self, weights: Weights) -> None:
        """Takes its weights.

        Raises:
            KeyError: They are not there.
            ValueError: They have another shape.
        """
        name = "depthwise_weights" if self.depthwise else "weights"
        order = (2, 3, 0, 1) if self.depthwise else (3, 2, 0, 1)
        kernel = torch.tensor(weights[f"{self.scope}/{name}"]).permute(order)
        scale, shift = self._scale_and_shift(weights)
        given = (*kernel.shape, *scale.shape, *shift.shape)
        needed = (*self.weight.shape, *self.bias.shape, *self.bias.shape)
        if given != needed:
            raise ValueError(f"{self.scope} has weights of shape {given} instead of {needed}")
        self.weight.copy_(kernel * scale[:, None, None, None])
        self.bias.copy_(shift)

    def _scale_and_shift(self, weights: Weights) -> tuple[Tensor, Tensor]:
        """Returns what batch norm multiplies with and adds; or, where there is none, the bias."""
        if f"{self.scope}/biases" in weights:
            bias = torch.tensor(weights[f"{self.scope}/biases"])
            return torch.ones_like(bias), bias
        gamma, beta, mean, variance = (
            torch.tensor(weights[f"{self.scope}/BatchNorm/{name}"])
            for name in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        scale = gamma / (variance + _EPSILON).sqrt()
        return scale, beta - mean * scale


class Block(nn.Module):
    """An inverted residual: expand, filter each channel by itself, project back."""

    def __init__(self, scope: str, inputs: int, outputs: int, expansion: int, stride: int):
        super().__init__()
        wide = expansion * inputs
        self.expand = (
            nn.Identity() if wide == inputs else Convolution(f"{scope}/expand", inputs, wide)
        )
        self.depthwise = Convolution(f"{scope}/depthwise", wide, wide, size=3, stride=stride)
        self.project = Convolution(f"{scope}/project", wide, outputs, linear=True)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the block's result, and its expanded input."""
        expanded = self.expand(x)
        y = self.project(self.depthwise(expanded))
        return (x + y if self.residual else y), expanded


class MobileNetV2(nn.Module):
    """Gives two feature maps of an image, at strides 16 and 32.

    Attributes:
        channels: Of the two maps.

    Example:
        >>> fine, coarse = MobileNetV2()(torch.zeros(1, 3, 300, 300))
        >>> fine.shape, coarse.shape
        (torch.Size([1, 576, 19, 19]), torch.Size([1, 1280, 10, 10]))
    """

    channels = (576, 1280)

    def __init__(self) -> None:
        super().__init__()
        self.stem = Convolution(f"{_SCOPE}/Conv", 3, 32, size=3, stride=2)
        self.blocks = nn.ModuleList(_blocks())
        self.last = Convolution(f"{_SCOPE}/Conv_1", 320, self.channels[1])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Returns the maps.

        Args:
            images: `(batch, 3, height, width)`, RGB from -1 to 1.
        """
        x = self.stem(images)
        for number, block in enumerate(self.blocks):
            x, expanded = block(x)
            if number == _FINE_BLOCK:
                fine = expanded
        return fine, self.last(x)


def _blocks() -> Iterator[Block]:
    inputs, name = 32, "expanded_conv"
    number = 0
    for expansion, outputs, count, first_stride in _BLOCKS:
        for stride in (first_stride, *[1] * (count - 1)):
            yield Block(f"{_SCOPE}/{name}", inputs, outputs, expansion, stride)
            number += 1
            inputs, name = outputs, f"expanded_conv_{number}"
