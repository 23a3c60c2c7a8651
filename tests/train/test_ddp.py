"""Two real processes with `torch.distributed`, in plain loops and in Lightning."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("lightning.pytorch")

import torchpipe
from tests.train.fitting import QUIET, Learner, Validated, saving, trainer
from tests.train.made import SAMPLES, same, sized, unsized, until
from torchpipe.train import FeedDataModule

pytestmark = QUIET

EPOCHS = 2
SHARE = SAMPLES // 2
MAKES = {"sized": sized, "unsized": unsized}


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def fit(make, path: Path | None = None, **options) -> Learner:
    """A Lightning training on one rank, with validation after each epoch."""
    learner = Validated()
    ckpt_path = None if path is None else str(path)
    module = FeedDataModule(make(batch_size=1), val=sized(batch_size=3))
    trainer(EPOCHS, **options).fit(learner, datamodule=module, ckpt_path=ckpt_path)
    return learner


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Where the two processes have left what they saw."""
    folder = tmp_path_factory.mktemp("ranks")
    for name, make in MAKES.items():
        fit(make, **saving(folder / f"one_{name}"))
    root = Path(torchpipe.__file__).parents[1]
    ours = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "NODE_RANK": "0"}
    command = [sys.executable, "-m", "tests.train.two_ranks", str(folder)]
    children = [
        subprocess.Popen(
            command,
            cwd=root,
            env={**os.environ, **ours, "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(2)
    ]
    for child in children:
        output, _ = child.communicate(timeout=50)
        assert child.returncode == 0, output
    return folder


@pytest.fixture(scope="module")
def ranks(folder):
    """What each of them saw."""
    return [torch.load(folder / f"rank{rank}.pt") for rank in range(2)]


def in_turn(batches) -> list[torch.Tensor]:
    """The batches of both ranks, in the order of their samples."""
    return [batch for pair in zip(*batches, strict=True) for batch in pair]


def alone(make) -> list[torch.Tensor]:
    """The samples that one rank gets, of epochs in which two have equally many."""
    with make(batch_size=1) as feed:
        batches = list(until(feed, EPOCHS))
    return [*batches[: 2 * SHARE], *batches[SAMPLES : SAMPLES + 2 * SHARE]]


@pytest.mark.parametrize("make", [sized, unsized])
def test_both_ranks_end_an_epoch_at_once_and_share_what_one_would_get(make, ranks):
    found = [rank["loops"][make.__name__][0] for rank in ranks]
    assert same(in_turn(found), alone(make))


@pytest.mark.parametrize(
    "name", ["sized", "unsized", "known", "dropping", "remembering", "copying"]
)
def test_resume_is_exact_on_both_ranks_at_every_batch(name, ranks):
    for rank in ranks:
        batches, _, resumed = rank["loops"][name]
        assert len(resumed) == len(batches) >= 4
        for done, rest in enumerate(resumed, 1):
            assert same(rest, batches[done:])


@pytest.mark.parametrize(
    "name", ["sized", "unsized", "known", "dropping", "remembering", "copying"]
)
def test_both_ranks_have_one_state(name, ranks):
    assert ranks[0]["loops"][name][1] == ranks[1]["loops"][name][1]


@pytest.mark.parametrize("make", [sized, unsized])
def test_one_rank_goes_on_where_two_stopped(make, ranks):
    with make(batch_size=1) as feed:
        whole = list(until(feed, EPOCHS))
    for state in ranks[0]["loops"][make.__name__][1]:
        with make(batch_size=1) as feed:
            feed.load_state_dict(state)
            done = state["epoch"] * SAMPLES + state["position"]
            assert same(list(until(feed, EPOCHS)), whole[done:])


def test_an_uneven_stream_can_be_an_error_on_all_ranks(ranks):
    expected = (
        "cannot share samples evenly among 2 ranks: those of rank 1 have ended, and others have "
        "more. Use uneven='drop' to end the epoch for all."
    )
    assert [rank["refused"] for rank in ranks] == [expected] * 2


@pytest.mark.parametrize("make", [sized, unsized])
def test_lightning_trains_both_ranks_on_their_shares(make, ranks):
    fits = [rank["fits"][make.__name__] for rank in ranks]
    assert same(in_turn([seen for seen, _, _ in fits]), alone(make))
    assert same(fits[0][1], fits[1][1])


@pytest.mark.parametrize("make", [sized, unsized])
def test_lightning_goes_on_exactly_on_both_ranks(make, ranks):
    for rank in ranks:
        seen, weights, again = rank["fits"][make.__name__]
        for step, (rest, learned) in again.items():
            assert same(rest, seen[step:])
            assert same(learned, weights)


@pytest.mark.parametrize("make", [sized, unsized])
def test_lightning_goes_on_with_one_rank_where_two_stopped(make, folder):
    with make(batch_size=1) as feed:
        whole = list(until(feed, EPOCHS))
    saved = {"2.ckpt": 4, "5.ckpt": SAMPLES + 4, "epochs/0.ckpt": SAMPLES}
    for name, done in saved.items():
        learner = fit(make, folder / make.__name__ / name)
        assert same(learner.seen, whole[done:])
        assert len(learner.checked) == (2 if done < SAMPLES else 1) * len(sized(batch_size=3))


@pytest.mark.parametrize("make", [sized, unsized])
def test_lightning_goes_on_with_two_ranks_where_one_stopped(make, ranks):
    with make(batch_size=1) as feed:
        whole = list(until(feed, EPOCHS))
    found = [rank["from one"][make.__name__] for rank in ranks]
    expected = [*whole[4:6], *whole[SAMPLES : SAMPLES + 2 * SHARE]]
    assert same(in_turn([seen for seen, _ in found]), expected)
    assert all(len(checked) == 2 for _, checked in found)
