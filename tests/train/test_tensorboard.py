"""Steps are logged to TensorBoard: its event files are read back."""

from lightning.fabric.loggers import TensorBoardLogger

from tests.tensorboard import events
from tests.train.learning import ADAM, SQUARES, Training, network
from torchpipe.train import TrainStep


def test_steps_are_logged_to_tensorboard(tmp_path):
    step = TrainStep(network(), SQUARES, ADAM, log=TensorBoardLogger(tmp_path))
    with Training(step).run() as run:
        losses = [each.loss.item() for _ in range(2) for each in run]
    found = [event for event in events(tmp_path) if event[1] == "loss"]
    assert found == [(number, "loss", loss) for number, loss in enumerate(losses)]
