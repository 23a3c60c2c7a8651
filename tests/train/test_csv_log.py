"""`CsvLog`: one row for each step, also after a break."""

import copy
import pickle

import pytest

from tests.train.learning import ADAM, SQUARES, Training, network
from torchpipe.errors import UsageError
from torchpipe.train import CsvLog, TrainStep


def logged(path, first, last, **metrics):
    log = CsvLog(path)
    for step in range(first, last):
        log.log_metrics({"loss": step + 0.5, **metrics}, step)
    log.finalize("success")
    return path.read_text().split()


def test_a_row_is_there_as_soon_as_it_is_logged(tmp_path):
    log = CsvLog(tmp_path / "deep" / "metrics.csv")
    log.log_metrics({"loss": 0.1}, 0)
    assert log.path.read_text() == "step,loss\n0,0.1\n"
    log.finalize("success")


def test_a_resumed_run_goes_on_where_it_was_saved(tmp_path):
    path = tmp_path / "metrics.csv"
    logged(path, 0, 4)
    assert logged(path, 2, 5) == ["step,loss", "0,0.5", "1,1.5", "2,2.5", "3,3.5", "4,4.5"]


def test_a_run_that_starts_anew_starts_the_file_anew(tmp_path):
    path = tmp_path / "metrics.csv"
    logged(path, 0, 4)
    assert logged(path, 0, 1, more=1.0) == ["step,loss,more", "0,0.5,1.0"]


def test_whoever_goes_back_drops_what_came_after(tmp_path):
    log = CsvLog(tmp_path / "metrics.csv")
    for step in (0, 1, 2, 1):
        log.log_metrics({"loss": float(step)}, step)
    log.finalize("success")
    log.log_metrics({"accuracy": 0.5}, 1)  # of the same step: it goes on
    log.finalize("success")
    assert log.path.read_text().split() == ["step,loss,accuracy", "0,0.0,", "1,1.0,", "1,,0.5"]


def test_new_metrics_get_a_column(tmp_path):
    log = CsvLog(tmp_path / "metrics.csv")
    log.log_metrics({"loss": 1.0}, 0)
    log.log_metrics({"accuracy": 0.5}, 0)
    log.log_metrics({"loss": 2.0}, 1)
    log.finalize("success")
    assert log.path.read_text().split() == ["step,loss,accuracy", "0,1.0,", "0,,0.5", "1,2.0,"]
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.csv"]


def test_another_table_is_not_overwritten(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("name,age\nAda,36\n")
    with pytest.raises(UsageError) as error:
        logged(path, 0, 1)
    assert str(error.value) == (
        f"cannot log to {path}: another table is in it, with the columns name, age. Name another "
        f"file."
    )
    assert path.read_text() == "name,age\nAda,36\n"


def test_copies_and_pickles_leave_the_open_file_behind(tmp_path):
    log = CsvLog(tmp_path / "metrics.csv")
    log.log_metrics({"loss": 1.0}, 0)
    for other in (copy.deepcopy(log), pickle.loads(pickle.dumps(log))):
        other.log_metrics({"loss": 2.0}, 1)
        other.finalize("success")
    log.finalize("success")
    assert log.path.read_text().split() == ["step,loss", "0,1.0", "1,2.0"]


def test_a_run_logs_into_it_and_closes_it(tmp_path):
    log = CsvLog(tmp_path / "metrics.csv")
    with Training(TrainStep(network(), SQUARES, ADAM, log=log)).run() as run:
        losses = [step.loss.item() for step in run]
    expected = ["step,loss", *(f"{number},{loss}" for number, loss in enumerate(losses))]
    assert log.path.read_text().split() == expected
