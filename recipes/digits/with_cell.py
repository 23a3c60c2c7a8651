"""`--loop cell`: the training step is a cell, and the pipeline is the loop."""

from typing import Any

from torch.nn.functional import cross_entropy

import torchpipe as tp

from .cells import MakeBatch, accuracy
from .prepare import Prepare, source_of
from .record import Record
from .task import Task


class Training(tp.Pipeline):
    """From shuffled PNG files to trained weights: gives the `tp.Step` of each batch."""

    def __init__(self, task: Task):
        super().__init__()
        self.source = source_of(task.digits.train, shuffle=True)
        self.prepare = Prepare(task.clones)
        self.batch = MakeBatch(task.batch_size)
        self.step = tp.TrainStep(task.net, cross_entropy, task.optimizer, scheduler=task.schedule)

    def build(self) -> Any:
        png, label = self.source()
        images, labels = self.batch(*self.prepare(png, label))
        return self.step(images, labels)


class Testing(tp.Pipeline):
    """From PNG files to the loss and the accuracy over all of them: one result."""

    def __init__(self, task: Task):
        super().__init__()
        self.source = source_of(task.digits.test)
        self.prepare = Prepare(0)
        self.batch = MakeBatch(250)
        metrics: dict[str, Any] = {"test_loss": cross_entropy, "test_accuracy": accuracy}
        self.evaluate = tp.Evaluate(task.net, metrics)

    def build(self) -> Any:
        png, label = self.source()
        images, labels = self.batch(*self.prepare(png, label))
        return self.evaluate(images, labels)


def train(task: Task, record: Record) -> None:
    """Trains the network to the end, from the start or from where it was saved."""
    with Training(task).run(seed=task.seed) as run, Testing(task).run() as test:
        if task.resume:
            run.load(task.checkpoint)
        record.start(run.position.epoch)
        while run.position.epoch < task.epochs:
            for step in run:
                record.step(step.loss)
            (result,) = test
            record.epoch(result)
            run.save(task.checkpoint)
