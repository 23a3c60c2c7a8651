"""A feed as a `DataLoader`, for what takes nothing else."""

from __future__ import annotations

import pytest
import torch
from torch.utils.data import DataLoader

from tests.train.made import same, sized, unsized, until

MAKES = [sized, unsized]


@pytest.mark.parametrize("make", MAKES)
def test_a_dataloader_gives_the_batches_of_the_feed(make):
    with make() as feed:
        expected = list(until(feed, 2))
    with make() as feed:
        loader = feed.as_dataloader()
        assert isinstance(loader, DataLoader)
        assert same([*loader, *loader], expected)


def test_its_length_is_that_of_the_feed():
    assert len(sized().as_dataloader()) == 3
    with pytest.raises(TypeError):
        len(unsized().as_dataloader())


@pytest.mark.parametrize("make", MAKES)
def test_the_state_of_the_feed_is_exact_behind_it(make):
    with make() as feed:
        whole = list(until(feed, 2))
    with make() as feed:
        next(iter(feed.as_dataloader()))
        state = feed.state_dict()
    with make() as feed:
        feed.load_state_dict(state)
        assert same(list(feed.as_dataloader()), whole[1:3])


@pytest.mark.parametrize("make", MAKES)
def test_fabric_takes_it(make):
    fabric_of = pytest.importorskip("lightning.fabric").Fabric
    with make() as feed:
        whole = list(until(feed, 2))
    fabric = fabric_of(accelerator="cpu", devices=1)
    fabric.launch()
    net = torch.nn.Linear(2, 1)
    net, optimizer = fabric.setup(net, torch.optim.SGD(net.parameters(), lr=0.1))
    with make() as feed:
        loader = fabric.setup_dataloaders(feed.as_dataloader())
        seen = []
        for _ in range(2):
            for batch in loader:
                seen.append(batch)
                optimizer.zero_grad()
                fabric.backward(net(batch).square().mean())
                optimizer.step()
    assert same(seen, whole)
