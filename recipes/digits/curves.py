"""Draws metrics.csv as a picture: how the loss fell, and how many digits were read right."""

import csv
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Points = tuple[NDArray[np.float64], NDArray[np.float64]]


def read_curve(metrics: Path, name: str) -> Points:
    """Returns the steps, counted from 1, at which a metric is known, and its values."""
    with metrics.open(newline="") as file:
        rows = [
            (int(row["step"]) + 1, float(row[name])) for row in csv.DictReader(file) if row[name]
        ]
    steps, values = np.array(rows, dtype=np.float64).reshape(-1, 2).T
    return steps, values


def smooth(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    """Returns the mean of each value and of those before it, at most `width` in all."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - width)
    means: NDArray[np.float64] = (sums[ends] - sums[starts]) / (ends - starts)
    return means


def draw_curves(metrics: Path, picture: Path, steps: int) -> None:
    """Draws the curves of a training as a PNG.

    Args:
        metrics: The file that `Record` wrote.
        picture: The file to write.
        steps: How many batches an epoch has.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # no display is needed
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    losses, shares = figure.subplots(1, 2)
    for axes in (losses, shares):
        axes.set_xlabel("epoch")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    draw_losses(losses, metrics, steps)
    draw_accuracy(shares, metrics, steps)
    figure.savefig(picture)


def draw_losses(axes: Any, metrics: Path, steps: int) -> None:
    """Draws the loss of each batch, its recent mean, and the loss in the test after each epoch."""
    at, values = read_curve(metrics, "loss")
    axes.plot(at / steps, values, color="tab:blue", alpha=0.25, linewidth=0.8)
    recent = smooth(values, max(1, steps // 4))
    axes.plot(at / steps, recent, color="tab:blue", label="training, augmented")
    at, values = read_curve(metrics, "test_loss")
    axes.plot(at / steps, values, "o-", color="tab:orange", markersize=4, label="test")
    axes.set(yscale="log", title="Loss (cross entropy)")
    axes.legend(frameon=False)


def draw_accuracy(axes: Any, metrics: Path, steps: int) -> None:
    """Draws the share of test digits that were read right after each epoch."""
    at, values = read_curve(metrics, "test_accuracy")
    axes.plot(at / steps, 100 * values, "o-", color="tab:orange", markersize=4)
    axes.annotate(
        f"{100 * values[-1]:.1f} %",
        (at[-1] / steps, 100 * values[-1]),
        xytext=(0, -14),
        textcoords="offset points",
        horizontalalignment="right",
    )
    axes.set(title="Test digits read right (%)")
    axes.margins(y=0.15)
