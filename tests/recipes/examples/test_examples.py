"""The short examples: on real data, and against plain loops."""

from __future__ import annotations

import math
import wave
from itertools import islice

import av
import numpy as np
import pytest
import torch

import torchpipe as tp
from recipes.examples.audio import Tempo
from recipes.examples.shipped import shipped
from recipes.examples.stocks import Prices, RelativeStrength, Strength
from recipes.examples.texts import Embed, Search
from recipes.examples.video import CLIP, Motion
from torchpipe.cli import main


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ([], "most motion: frame 49, 2.6% of it\n"),
        (["stocks"], "strongest: IBM (62)\nweakest: AMZN (37)\n"),
        (["texts"], "breast_cancer: This is a copy of UCI ML Breast Cancer Wisconsin"),
        (["audio"], "tempo: 91 beats in a minute\n"),
    ],
    ids=["video", "stocks", "texts", "audio"],
)
def test_each_tells_what_it_found(command, told, capsys):
    assert main(["run", "examples", *command]) == 0
    assert f"\n{told}" in capsys.readouterr().out


@pytest.mark.parametrize("clones", [1, 3])
def test_motion_is_what_a_plain_loop_finds(clones):
    with av.open(str(CLIP)) as file:
        frames = [frame.to_ndarray(format="gray") for frame in islice(file.decode(video=0), 12)]
    small = [frame.reshape(72, 8, 96, 8).mean((1, 3)) / 255 for frame in frames]
    pairs = zip(small[1:], small, strict=False)
    shares = [0.0, *(float((abs(now - before) > 0.1).mean()) for now, before in pairs)]
    with Motion(clones=clones).run(items=12) as run:
        changes = list(run)
    assert [change.share for change in changes] == pytest.approx(shares, abs=3 / (72 * 96))
    assert math.isnan(changes[0].row)
    assert sum(shares) > 0.05


def strengths(closes: list[float]) -> list[float]:
    """Wilder's index, written down as in his book: two averages and their quotient."""
    changes = np.diff(closes, prepend=closes[0])
    found, gain, loss = [], 0.0, 0.0
    for change in changes:
        gain = (13 * gain + max(change, 0)) / 14
        loss = (13 * loss + max(-change, 0)) / 14
        found.append(50.0 if gain == loss == 0 else 100 - 100 / (1 + gain / loss) if loss else 100)
    return found


def test_the_strength_of_each_stock_is_its_own():
    prices = list(Prices(shipped("matplotlib", "matplotlib/mpl-data/sample_data/Stocks.csv"))())
    closes: dict[str, list[float]] = {}
    for price in prices:
        closes.setdefault(price.company, []).append(price.close)
    wanted = {company: strengths(series) for company, series in closes.items()}
    with Strength().run() as run:
        found = list(run)
    assert [(day, company) for day, company, _ in found] == [price[:2] for price in prices]
    for company, series in wanted.items():
        assert [value for _, name, value in found if name == company] == pytest.approx(series)


def test_the_strengths_go_on_where_they_were_saved(tmp_path):
    with Strength().run() as run:
        whole = list(run)
    with Strength().run() as run:
        begun = [run.pull() for _ in range(1000)]
        run.save(tmp_path / "strengths")
    with Strength().run() as run:
        run.load(tmp_path / "strengths")
        assert begun + list(run) == whole


def test_a_stock_that_only_rises_is_strong():
    strength = RelativeStrength()
    assert [strength(price) for price in (1.0, 1.0, 2.0, 3.0)] == [50, 50, 100, 100]


def test_texts_with_the_same_words_are_close():
    with Embed(clones=2).run() as run:
        one, same, other = run.map(["Stars and PLANETS", "planets, stars!", "bread with butter"])
    alike = torch.nn.CosineSimilarity(dim=0)
    assert alike(one, same) == pytest.approx(1)
    assert abs(alike(one, other)) < 0.3


def test_a_search_does_not_depend_on_clones():
    found = []
    for clones in (1, 3):
        with Search("wines from Italy", clones=clones).run() as run:
            found.append([(round(close, 5), file) for close, file, _ in run])
    assert found[0] == found[1]
    assert max(found[0])[1] == "wine_data"


@pytest.mark.parametrize(("width", "channels"), [(1, 1), (2, 2)])
@pytest.mark.parametrize("tempo", [96, 120])
def test_clicks_have_their_tempo(tmp_path, tempo, width, channels):
    rate, loud = 8000, 100 if width == 1 else 20_000
    sound = np.zeros((6 * rate, channels), np.uint8 if width == 1 else np.int16)
    sound += 128 if width == 1 else 0
    for start in range(0, len(sound), 60 * rate // tempo):
        sound[start : start + 200] += np.array(loud, sound.dtype)
    with wave.open(str(tmp_path / "clicks.wav"), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(sound.tobytes())
    tempos = Tempo(tmp_path / "clicks.wav")
    with tempos.run() as run:
        assert len(list(run)) == 6 * rate // 128
    assert tempos.tempo() == pytest.approx(tempo, rel=0.03)


def test_data_that_is_not_there_says_how_to_get_it():
    with pytest.raises(tp.errors.UsageError) as error:
        shipped("no-such-package", "data/prices.csv")
    assert str(error.value) == (
        "there is no data/prices.csv of no-such-package. Install it: pip install no-such-package."
    )
