"""`--loop plain`: a loop in plain PyTorch, and a feed that gives it batches."""

from pathlib import Path
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from torchpipe.train import Feed

from .cells import accuracy
from .network import DigitNet
from .prepare import feed_of_test, feed_of_training
from .record import Record
from .task import Task


def train(task: Task, record: Record) -> None:
    """Trains the network to the end, from the start or from where it was saved."""
    net = task.net
    optimizer = task.optimizer(net.parameters())
    schedule = task.schedule(optimizer)
    with feed_of_training(task) as feed, feed_of_test(task) as test:
        parts = {"net": net, "optimizer": optimizer, "schedule": schedule, "feed": feed}
        if task.resume:
            load(task.checkpoint, parts)
        record.start(feed.epoch)
        while feed.epoch < task.epochs:
            for images, labels in feed:
                loss = cross_entropy(net(images), labels)
                optimizer.zero_grad()
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
                schedule.step()
                record.step(loss)
            record.epoch(evaluate(net, test))
            save(task.checkpoint, parts)


def evaluate(net: DigitNet, test: Feed) -> dict[str, float]:
    """Returns the loss and the accuracy in the test."""
    net.eval()
    with torch.no_grad():
        answers = [(net(images), labels) for images, labels in test]
    net.train()
    logits, labels = (torch.cat(parts) for parts in zip(*answers, strict=True))
    return {
        "test_loss": float(cross_entropy(logits, labels)),
        "test_accuracy": float(accuracy(logits, labels).mean()),
    }


def save(path: Path, parts: dict[str, Any]) -> None:
    """Saves the states of all parts in a file, which is whole or not there."""
    unfinished = path.with_suffix(".part")
    torch.save({name: part.state_dict() for name, part in parts.items()}, unfinished)
    unfinished.replace(path)


def load(path: Path, parts: dict[str, Any]) -> None:
    """Loads the states of all parts."""
    saved = torch.load(path, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(saved[name])
