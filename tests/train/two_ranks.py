"""What two processes do together, in one go: `python -m tests.train.two_ranks FOLDER`.

They find a checkpoint of a training by one process in the folder, and leave what each of them saw.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from tests.train.fitting import Learner, Validated, saving, saving_epochs, trainer
from tests.train.made import copying, dropping, known, remembering, sized, unsized, until
from torchpipe.errors import RunError
from torchpipe.train import FeedDataModule

EPOCHS = 2
DDP: dict[str, Any] = {"strategy": "ddp", "devices": 2}


def looped(make, start=None, **options):
    """The batches of a plain loop, and the state after each of them."""
    batches, states = [], []
    with make(batch_size=1, **options) as feed:
        if start is not None:
            feed.load_state_dict(start)
        for batch in until(feed, EPOCHS):
            batches.append(batch)
            states.append(feed.state_dict())
    return batches, states


def resumed(make):
    """A loop that was not interrupted, and from each of its states one that goes on."""
    batches, states = looped(make)
    return batches, states, [looped(make, state)[0] for state in states]


def refused() -> str:
    """What is said where the ranks have unequally many samples, and that is an error."""
    with unsized(batch_size=1, uneven="error") as feed:
        try:
            list(feed)
        except RunError as error:
            return str(error)
    return "nothing"


def fitted(make, path: Path | None = None, **options) -> Learner:
    """A Lightning training on both ranks, with validation after each epoch."""
    learner = Validated()
    module = FeedDataModule(make(batch_size=1), val=sized(batch_size=3))
    trainer(EPOCHS, **DDP, **options).fit(
        learner, datamodule=module, ckpt_path=None if path is None else str(path)
    )
    return learner


def weights(learner: Learner) -> list[torch.Tensor]:
    return [weight.detach().clone() for weight in learner.parameters()]


def seen_of(learner: Learner):
    return learner.seen, learner.checked


def fitted_and_resumed(make, folder: Path):
    """A training with checkpoints, and one that goes on from each of some of them."""
    whole = fitted(make, **saving(folder))
    fitted(make, **saving_epochs(folder / "epochs"))
    dist.barrier()
    again = {}
    for step in (2, 3, 5):
        learner = fitted(make, folder / f"{step}.ckpt")
        again[step] = (learner.seen, weights(learner))
    return whole.seen, weights(whole), again


def main(folder: Path) -> None:
    rank = int(os.environ["LOCAL_RANK"])
    warnings.simplefilter("ignore")
    dist.init_process_group("gloo", rank=rank, world_size=2)
    makes = (sized, unsized, known, dropping, remembering, copying)
    found = {
        "loops": {make.__name__: resumed(make) for make in makes},
        "refused": refused(),
        "fits": {
            make.__name__: fitted_and_resumed(make, folder / make.__name__)
            for make in (sized, unsized)
        },
        "from one": {
            make.__name__: seen_of(fitted(make, folder / f"one_{make.__name__}" / "4.ckpt"))
            for make in (sized, unsized)
        },
    }
    torch.save(found, folder / f"rank{rank}.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
