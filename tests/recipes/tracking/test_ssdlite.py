import pytest
import torch

from recipes.tracking.mobilenet import Convolution
from recipes.tracking.ssdlite import SSDLite, make_anchors


def test_a_batch_gives_what_its_images_give_alone(net):
    images = torch.randint(256, (3, 3, 300, 300), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        boxes, scores = net(images)
        for row, image in enumerate(images):
            alone = net(image[None])
            torch.testing.assert_close(boxes[row], alone[0][0], rtol=1e-4, atol=1e-5)
            torch.testing.assert_close(scores[row], alone[1][0], rtol=1e-4, atol=1e-5)


def test_bytes_and_floats_give_the_same(net):
    images = torch.randint(256, (1, 3, 300, 300), dtype=torch.uint8)
    with torch.inference_mode():
        for one, other in zip(net(images), net(images.double()), strict=True):
            torch.testing.assert_close(one, other)


def test_anchors_lie_around_the_points_of_six_maps():
    anchors = make_anchors()
    assert anchors.shape == (1917, 4)
    torch.testing.assert_close(anchors[0], torch.tensor([0.5 / 19, 0.5 / 19, 0.1, 0.1]))
    torch.testing.assert_close(anchors[3, :2], torch.tensor([0.5 / 19, 1.5 / 19]))
    torch.testing.assert_close(anchors[-6], torch.tensor([0.5, 0.5, 0.95, 0.95]))


def test_an_encoding_of_zeros_is_the_anchor_itself():
    net = SSDLite()
    boxes = net._decode(torch.zeros(1, 1917, 4))[0]
    height, width = net.anchors[:, 2], net.anchors[:, 3]
    torch.testing.assert_close(boxes[:, 2] - boxes[:, 0], width)
    torch.testing.assert_close(boxes[:, 3] - boxes[:, 1], height)


@pytest.mark.parametrize(("size", "halved"), [(300, 150), (75, 38), (10, 5), (3, 2), (2, 1)])
def test_a_stride_of_2_halves_as_tensorflow_does(size, halved):
    layer = Convolution("a", 4, 4, size=3, stride=2)
    assert layer(torch.zeros(1, 4, size, size)).shape == (1, 4, halved, halved)


def test_even_maps_are_padded_at_the_end_only():
    layer = Convolution("a", 1, 1, size=3, stride=2, linear=True)
    with torch.no_grad():
        layer.weight.fill_(1)
    seen = layer(torch.ones(1, 1, 4, 4))[0, 0]
    assert seen.tolist() == [[9, 6], [6, 4]]


def test_refuses_weights_of_another_shape(net):
    other = {"a/weights": torch.zeros(1, 1, 3, 5).numpy(), "a/biases": torch.zeros(5).numpy()}
    with pytest.raises(
        ValueError, match=r"shape \(5, 3, 1, 1, 5, 5\) instead of \(5, 4, 1, 1, 5, 5\)"
    ):
        Convolution("a", 4, 5).load(other)
