"""SSDLite: a small one-shot detector on MobileNetV2, as a plain `nn.Module`.

After "SSD: Single Shot MultiBox Detector" (Liu et al. 2016, https://arxiv.org/abs/1512.02325) and
section 6.2 of the MobileNetV2 paper (Sandler et al. 2018): six feature maps, from fine to coarse;
at each of their points a few boxes of typical shapes, the anchors; and for each anchor the network
says how sure it is that there is a person, and how to move and stretch the anchor to fit.
"""

import math
from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from .mobilenet import Convolution, MobileNetV2, Weights

SIZE = 300

_CLASSES = 2  # background, person
_EXTRAS = [(256, 512), (128, 256), (128, 256), (64, 128)]  # channels within, and given
_MAPS = (19, 10, 5, 3, 2, 1)
_SCALES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.95, 1.0)
_ASPECTS = (1.0, 2.0, 0.5, 3.0, 0.3333)
_BOX_UNITS = (10.0, 10.0, 5.0, 5.0)


class Predictor(nn.Module):
    """Box encodings `(batch, anchors, 4)` and class scores `(batch, anchors, 2)` of one map."""

    def __init__(self, scope: str, channels: int, anchors: int):
        super().__init__()
        self.boxes = _head(f"{scope}/BoxEncodingPredictor", channels, 4 * anchors)
        self.scores = _head(f"{scope}/ClassPredictor", channels, _CLASSES * anchors)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        boxes, scores = self.boxes(x).permute(0, 2, 3, 1), self.scores(x).permute(0, 2, 3, 1)
        return boxes.reshape(len(x), -1, 4), scores.reshape(len(x), -1, _CLASSES)


class SSDLite(nn.Module):
    """Finds people in square images of 300 x 300 pixels.

    Example:
        >>> boxes, scores = SSDLite()(torch.zeros(1, 3, 300, 300))
        >>> boxes.shape, scores.shape
        (torch.Size([1, 1917, 4]), torch.Size([1, 1917]))
    """

    anchors: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.backbone = MobileNetV2()
        self.extras = nn.ModuleList(_extras())
        channels = [*MobileNetV2.channels, *(outputs for _, outputs in _EXTRAS)]
        self.predictors = nn.ModuleList(
            Predictor(f"BoxPredictor_{i}", channels[i], len(sizes))
            for i, sizes in enumerate(_anchor_sizes())
        )
        self.register_buffer("anchors", make_anchors(), persistent=False)

    def load(self, weights: Weights) -> None:
        """Takes the weights of the TensorFlow graph.

        Raises:
            KeyError: Some are not there.
            ValueError: Some have another shape.
        """
        for layer in self.modules():
            if isinstance(layer, Convolution):
                layer.load(weights)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Finds people.

        Args:
            images: RGB of shape `(batch, 3, 300, 300)`, range 0 to 255, any real dtype.

        Returns:
            Boxes of shape `(batch, 1917, 4)`: x1, y1, x2, y2 in units of the image's side; and how
            sure it is of each, `(batch, 1917)` from 0 to 1. Many overlap: see `boxes.suppress`.
        """
        x = images.to(self.anchors.dtype, memory_format=torch.channels_last) * (2 / 255) - 1
        maps = zip(self.predictors, self._maps(x), strict=True)
        predictions = [predictor(features) for predictor, features in maps]
        encodings = torch.cat([boxes for boxes, _ in predictions], dim=1)
        scores = torch.cat([scores for _, scores in predictions], dim=1)
        return self._decode(encodings), scores[..., 1].sigmoid()

    def _maps(self, x: Tensor) -> Iterator[Tensor]:
        fine, x = self.backbone(x)
        yield from (fine, x)
        for extra in self.extras:
            x = extra(x)
            yield x

    def _decode(self, encodings: Tensor) -> Tensor:
        centre, size = self.anchors[:, :2], self.anchors[:, 2:]
        steps = encodings / encodings.new_tensor(_BOX_UNITS)
        centre = centre + steps[..., :2] * size
        half = steps[..., 2:].exp() * size / 2
        return torch.cat([centre - half, centre + half], dim=-1)[..., [1, 0, 3, 2]]


def _head(scope: str, channels: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        Convolution(f"{scope}_depthwise", channels, channels, size=3),
        Convolution(scope, channels, outputs, linear=True),
    )


def _extras() -> Iterator[nn.Sequential]:
    inputs = MobileNetV2.channels[1]
    for number, (within, outputs) in enumerate(_EXTRAS, start=2):
        scope = "FeatureExtractor/MobilenetV2/layer_19"
        squeeze = f"{scope}_1_Conv2d_{number}_1x1_{within}"
        expand = f"{scope}_2_Conv2d_{number}_3x3_s2_{outputs}"
        yield nn.Sequential(
            Convolution(squeeze, inputs, within),
            Convolution(f"{expand}_depthwise", within, within, size=3, stride=2),
            Convolution(expand, within, outputs),
        )
        inputs = outputs


def make_anchors() -> Tensor:
    """Returns the anchors: `(1917, 4)`, as y and x of the centre, height and width, from 0 to 1."""
    anchors = []
    for points, sizes in zip(_MAPS, _anchor_sizes(), strict=True):
        places = (torch.arange(points) + 0.5) / points
        centres = torch.cartesian_prod(places, places).repeat_interleave(len(sizes), dim=0)
        anchors.append(torch.cat([centres, torch.tensor(sizes).repeat(points**2, 1)], dim=1))
    return torch.cat(anchors)


def _anchor_sizes() -> Iterator[list[tuple[float, float]]]:
    """Yields height and width of the anchors at each point, for each of the six maps."""
    yield [_size(0.1, 1.0), _size(0.2, 2.0), _size(0.2, 0.5)]
    for scale, following in pairwise(_SCALES[1:]):
        between = math.sqrt(scale * following)
        yield [*(_size(scale, aspect) for aspect in _ASPECTS), _size(between, 1.0)]


def _size(scale: float, aspect: float) -> tuple[float, float]:
    return scale / math.sqrt(aspect), scale * math.sqrt(aspect)
