"""Steps are logged to TensorBoard: its event files are read back."""

import struct
from pathlib import Path

from lightning.fabric.loggers import TensorBoardLogger
from tensorboardX.proto.event_pb2 import Event

from tests.train.learning import ADAM, SQUARES, Training, network
from torchpipe.train import TrainStep


def events(folder: Path):
    """The scalars in the event files of a folder: (step, name, value)."""
    for file in folder.rglob("events.out.tfevents.*"):
        data = file.read_bytes()
        while data:  # length, its checksum, the event, its checksum
            (length,) = struct.unpack("<Q", data[:8])
            event = Event.FromString(data[12 : 12 + length])
            data = data[16 + length :]
            for value in event.summary.value:
                yield event.step, value.tag, value.simple_value


def test_steps_are_logged_to_tensorboard(tmp_path):
    step = TrainStep(network(), SQUARES, ADAM, log=TensorBoardLogger(tmp_path))
    with Training(step).run() as run:
        losses = [each.loss.item() for _ in range(2) for each in run]
    found = [event for event in events(tmp_path) if event[1] == "loss"]
    assert found == [(number, "loss", loss) for number, loss in enumerate(losses)]
