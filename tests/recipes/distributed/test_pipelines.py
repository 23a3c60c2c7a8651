"""The two pipelines, on threads; `tests/ray` runs them on three nodes."""

from __future__ import annotations

import inspect
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import torchpipe as tp
from recipes.distributed import Classification, Detection, recipe
from recipes.distributed.classify import Classifier
from recipes.distributed.detect import Finder
from recipes.distributed.places import Place
from recipes.distributed.spread import gpu_clones
from recipes.distributed.stripes import DIRECTIONS, StripeNet, picture
from recipes.tracking.appearance import Colours
from recipes.tracking.detector import PersonDetector
from recipes.tracking.pipeline import CLIP
from recipes.tracking.trackers import ByteTracker, ReId
from recipes.tracking.video import read_frames
from recipes.tracking.weights import find_weights, load_ssdlite
from torchpipe.cli.recipes import copy
from torchpipe.errors import UsageError

HERE = Place(socket.gethostname(), "cpu", os.getpid())


# -- the network that needs no training


@pytest.mark.parametrize("size", [64, 224])
def test_the_network_tells_all_directions(size):
    pictures = [picture(seed, size) for seed in range(40)]
    assert {truth for _, truth in pictures} == set(range(DIRECTIONS))
    net = StripeNet()
    assert [int(net(image).argmax()) for image, _ in pictures] == [truth for _, truth in pictures]


def test_a_batch_gives_what_its_pictures_give():
    net, images = StripeNet(), torch.stack([picture(seed, 48).image for seed in range(4)])
    torch.testing.assert_close(net(images), torch.stack([net(image) for image in images]))


def test_a_picture_belongs_to_its_seed():
    assert torch.equal(picture(2**63, 32).image, picture(2**63, 32).image)
    assert not torch.equal(picture(1, 32).image, picture(2, 32).image)


# -- the pipelines


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_picture_gets_its_own_answer():
    pipeline = Classification(pictures=20)
    pipeline.classify = tp.ScaleUp(Classifier(), clones=3)
    with pipeline.run(seed=1) as run:
        for _ in range(2):
            results = list(run)
            assert [right for _, right, _ in results] == [True] * 20
    assert {place for _, _, place in results} == {HERE}
    assert pipeline.summary() == {str(HERE): "20 of 20 items", "right": "20 of 20"}


def test_people_are_followed_as_in_a_plain_loop(folder):
    try:
        find_weights()
    except UsageError as error:
        pytest.skip(str(error))
    pipeline = Detection()
    pipeline.find = tp.ScaleUp(Finder(), clones=2)
    with pipeline.run(items=6) as run:
        results = list(run)
    detector, tracker = PersonDetector(load_ssdlite()), ByteTracker(reid=ReId())
    for frame, (tracks, place) in zip(read_frames(CLIP), results, strict=False):
        found = detector(frame, min_score=0.1)
        looks = Colours()(frame, found.boxes)
        expected = tracker.update(found.boxes, found.scores, found.labels, looks)
        assert (tracks.frame, tracks.ids.tolist()) == (expected.frame, expected.ids.tolist())
        assert (tracks.boxes == expected.boxes).all()
        assert place == HERE
    assert pipeline.summary() == {str(HERE): "6 of 6 items", "tracks": "tracks.txt"}
    assert Path("tracks.txt").read_text().startswith("1,")


def test_clones_are_on_their_gpu_unless_it_exists_in_name_only():
    assert [str(clone) for clone in gpu_clones(2, 1, simulate=False)] == [
        "Ray clone 0 on cuda:0"
    ] * 2
    (clone,) = gpu_clones(1, 0.5, simulate=True)
    assert (clone.device, clone.num_gpus) == ("cpu", 0.5)
    (clone,) = gpu_clones(1, 0, simulate=False)
    assert (clone.device, clone.num_gpus) == ("cpu", 0)


# -- what can't be


@pytest.mark.parametrize(
    ("make", "options", "text"),
    [
        (Detection, {"clones": 0}, "cannot run with --clones 0: give 1 or more."),
        (Classification, {"gpus": -0.5}, "cannot run with --gpus -0.5: give 0 or more."),
        (Classification, {"pictures": -1}, "cannot run with --pictures -1: give 0 or more."),
        (
            Detection,
            {"tracks": "mine.txt"},
            "cannot write mine.txt: it exists. Name another file, or add --overwrite.",
        ),
    ],
)
def test_what_cannot_be_is_refused(folder, make, options, text):
    Path("mine.txt").touch()
    with pytest.raises(UsageError) as caught:
        make(**options).check()
    assert str(caught.value) == text


# -- the recipe


@pytest.mark.parametrize("pipeline", [Detection, Classification])
def test_every_option_is_explained(pipeline):
    lines = [line.strip() for line in (pipeline.__doc__ or "").splitlines()]
    for name in inspect.signature(pipeline).parameters:
        assert any(line.startswith(f"{name}: ") for line in lines), name


def test_a_copy_of_the_recipe_stands_by_itself(folder):
    assert recipe is Detection
    copy("distributed", Path("my_cluster"))
    program = "import my_cluster, sys; my_cluster.recipe(); my_cluster.Classification()"
    program += "; assert 'recipes' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True)
