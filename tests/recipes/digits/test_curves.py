import numpy as np
import pytest
from PIL import Image

from recipes.digits.curves import draw_curves, read_curve, smooth

METRICS = """\
step,loss,test_loss,test_accuracy
0,2.0,,
1,1.0,,
1,,0.5,0.9
2,0.25,,
3,0.5,,
3,,0.25,0.975
"""


@pytest.fixture
def metrics(tmp_path):
    path = tmp_path / "metrics.csv"
    path.write_text(METRICS)
    return path


def test_a_curve_has_the_steps_at_which_it_is_known(metrics):
    steps, values = read_curve(metrics, "test_accuracy")
    assert (steps.tolist(), values.tolist()) == ([2.0, 4.0], [0.9, 0.975])
    assert read_curve(metrics, "loss")[1].tolist() == [2.0, 1.0, 0.25, 0.5]


def test_smoothing_takes_the_mean_of_what_came_last():
    values = np.array([4.0, 0.0, 2.0, 1.0])
    assert smooth(values, 2).tolist() == [4.0, 2.0, 1.0, 1.5]
    assert smooth(values, 1).tolist() == values.tolist()


def test_the_picture_is_a_png_with_both_curves(metrics, tmp_path):
    picture = tmp_path / "curves.png"
    draw_curves(metrics, picture, steps=2)
    pixels = np.array(Image.open(picture).convert("RGB")).reshape(-1, 3)
    assert pixels.shape[0] > 300_000
    for colour in ((31, 119, 180), (255, 127, 14)):  # the loss, and the test
        assert (pixels == colour).all(axis=1).sum() > 50
