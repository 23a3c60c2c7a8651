"""Reads what was logged to TensorBoard: its event files."""

import struct
from pathlib import Path

from tensorboardX.proto.event_pb2 import Event


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
