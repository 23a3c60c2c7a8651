"""All three styles of training: what they write, and that they go on as if never interrupted."""

import csv
import inspect
import io
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from recipes.digits import TrainDigits, recipe
from recipes.digits.classify import Classify
from tests.recipes.digits.conftest import run, same, weights
from tests.train.learning import NOISE
from torchpipe.errors import UsageError

LOOPS = ["plain", "lightning", "cell"]
pytestmark = NOISE


def metrics(pipeline):
    with pipeline.train.folder.metrics.open(newline="") as file:
        return list(csv.DictReader(file))


class Interrupted(io.StringIO):
    """Where messages go, until one of them is interrupted by Ctrl-C."""

    def __init__(self, text):
        super().__init__()
        self.text = text

    def write(self, text):
        super().write(text)
        if self.text in text:
            raise KeyboardInterrupt
        return len(text)


def run_until(pipeline, text, monkeypatch):
    """Train, and press Ctrl-C when a text is shown."""
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", Interrupted(text))
        with pytest.raises(KeyboardInterrupt):
            run(pipeline)


# -- what it gives


@pytest.mark.parametrize("loop", LOOPS)
def test_a_training_gives_a_network_its_metrics_and_their_curves(training, loop):
    pipeline = training(loop=loop)
    result = run(pipeline)
    folder, rows = pipeline.train.folder, metrics(pipeline)
    names = {"settings.json", "metrics.csv", "curves.png", "network.pt", f"{loop}.ckpt"}
    assert {path.name for path in folder.path.iterdir()} == names
    assert [int(row["step"]) for row in rows if row["loss"]] == [*range(8)]
    tests = [float(row["test_accuracy"]) for row in rows if row["test_accuracy"]]
    assert len(tests) == 2
    assert result.right == pytest.approx(tests[-1] * 50)
    assert pipeline.summary() == {
        "test": f"{result.right} of 50 digits read right ({result.right / 50:.1%})",
        "network": str(folder.network),
        "metrics": str(folder.metrics),
        "curves": str(folder.curves),
    }


@pytest.mark.parametrize("loop", LOOPS)
def test_it_says_after_each_epoch_how_good_it_is(training, loop, capsys):
    pipeline = training(loop=loop)
    run(pipeline)
    lines = capsys.readouterr().err.splitlines()
    assert [line[:14] for line in lines] == ["epoch 1 of 2: ", "epoch 2 of 2: "]
    last = metrics(pipeline)[-1]
    loss, share = float(last["test_loss"]), float(last["test_accuracy"])
    assert lines[-1].endswith(f"; in the test {loss:.3f}, {share:.1%} right")


@pytest.mark.parametrize("loop", LOOPS)
def test_the_number_of_clones_changes_no_weight(training, loop):
    one, three = training("one", loop=loop, clones=1), training("three", loop=loop, clones=3)
    run(one), run(three)
    assert same(weights(one), weights(three))
    assert metrics(one) == metrics(three)


def test_another_seed_gives_other_weights(training):
    one, other = training("one", loop="plain"), training("other", loop="plain")
    run(one), run(other, seed=1)
    assert not same(weights(one), weights(other))


def test_a_trainer_does_what_the_plain_loop_does(training):
    plain, trainer = training("plain", loop="plain"), training("lightning", loop="lightning")
    run(plain), run(trainer)
    assert same(weights(plain), weights(trainer))


@pytest.mark.parametrize("loop", LOOPS)
def test_the_trained_network_reads_files(training, digits, loop):
    pipeline = training(loop=loop)
    result = run(pipeline)
    test = [digit for digit in digits.test if digit.label < 10]
    with Classify(pipeline.train.folder.network, clones=3).run() as reader:
        read = list(reader.map(digit.png for digit in test))
    right = sum(one.digit == digit.label for one, digit in zip(read, test, strict=True))
    assert right / len(test) == pytest.approx(result.right / result.count, abs=0.15)
    assert all(0.1 <= reading.sureness <= 1.0 for reading in read)


def test_it_learns_to_read(training):
    """A short training is enough for 97 %; the whole one, under `stress`, reaches more."""
    result = run(training(loop="cell", examples=400, epochs=6))
    assert result.count == 1000
    assert result.right >= 970


@pytest.mark.stress
@pytest.mark.timeout(600)
@pytest.mark.parametrize("loop", LOOPS)
def test_the_default_training_reads_97_percent(training, loop):
    result = run(training(loop=loop, examples=400, epochs=10))
    assert result.count == 1000
    assert result.right >= 970


# -- interrupted


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("clones", [1, 3])
def test_a_resumed_training_gives_what_an_unbroken_one_gives(training, loop, clones, monkeypatch):
    unbroken = training("unbroken", loop=loop, epochs=3)
    run(unbroken)
    run_until(training(loop=loop, epochs=3), "epoch 2 of 3", monkeypatch)
    resumed = training(loop=loop, epochs=3, resume=True, clones=clones)
    result = run(resumed)
    assert same(weights(resumed), weights(unbroken))
    assert metrics(resumed) == metrics(unbroken)
    assert result.right == pytest.approx(float(metrics(unbroken)[-1]["test_accuracy"]) * 50)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_finished_training_only_reads_the_test_again(training, loop, capsys):
    first = training(loop=loop)
    expected, rows = run(first), metrics(first)
    capsys.readouterr()
    again = training(loop=loop, resume=True)
    assert run(again) == expected
    assert metrics(again) == rows
    assert capsys.readouterr().err == ""


def test_ctrl_c_ends_the_command(tmp_path, digits):
    """In the middle of training by a Trainer, which would end the process in its own way."""
    command = [sys.executable, "-m", "torchpipe.cli", "run", "digits", "--epochs", "1000"]
    command += ["--examples", "20", "--output", str(tmp_path / "run")]
    root = Path(inspect.getfile(recipe)).parents[2]
    with subprocess.Popen(command, cwd=root, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("epoch    2 of 1000"):
                process.send_signal(2)
                break
        rest = process.stderr.read()
    assert process.returncode == 130
    assert rest.splitlines()[-1] == "torchpipe: interrupted."
    assert "Traceback" not in rest


# -- what can't be


def refusal(make, **options):
    with pytest.raises(UsageError) as error:
        make(**options).check()
    return str(error.value)


def test_a_training_that_is_there_stays(training):
    run(training(loop="plain"))
    assert "a training is there. Add --resume" in refusal(training, loop="plain")
    replaced = training(loop="plain", overwrite=True, epochs=1)
    run(replaced)
    assert len(metrics(replaced)) == 5


def test_another_seed_is_another_training(training):
    run(training(loop="plain"))
    again = training(loop="plain", resume=True)
    with pytest.raises(UsageError, match="it was started with another --seed"):
        run(again, seed=1)


@pytest.mark.parametrize(
    ("option", "value", "text"),
    [
        ("epochs", 0, "--epochs 0: give 1 to 10000."),
        ("batch_size", 1, "--batch-size 1: give 2 to 4000."),
        ("clones", 0, "--clones 0: give 1 to 1000."),
        ("examples", 401, "--examples 401: give 4 to 400."),
        ("rate", 0.0, "--rate 0.0: give a number above 0, such as 0.01."),
    ],
)
def test_numbers_have_limits(training, option, value, text):
    assert refusal(training, **{option: value}) == f"cannot train with {text}"


def test_a_file_without_weights_is_told(tmp_path):
    (tmp_path / "network.pt").write_text("nothing")
    assert refusal(Classify, network=tmp_path / "network.pt") == (
        f"cannot read {tmp_path}/network.pt: it does not hold the weights of this network. Train "
        f"anew."
    )
    assert refusal(Classify, network=tmp_path / "none.pt") == (
        f"cannot read {tmp_path}/none.pt: there is no such file. Train first."
    )


# -- the recipe


def test_every_option_is_explained():
    lines = [line.strip() for line in (TrainDigits.__doc__ or "").splitlines()]
    for name in inspect.signature(TrainDigits).parameters:
        assert any(line.startswith(f"{name}: ") for line in lines), name


def test_a_copy_of_the_recipe_stands_by_itself(tmp_path, digits):
    shutil.copytree(Path(inspect.getfile(recipe)).parent, tmp_path / "my_digits")
    program = "import sys; sys.path.insert(0, sys.argv[1]); import my_digits"
    program += (
        "; pipeline = my_digits.recipe(loop='plain', output=sys.argv[2], examples=4, epochs=1)"
    )
    program += "; print(pipeline.pull().count); assert 'recipes' not in sys.modules"
    command = [sys.executable, "-c", program, str(tmp_path), str(tmp_path / "run")]
    done = subprocess.run(command, check=True, cwd=Path.cwd(), capture_output=True, text=True)
    assert done.stdout == "10\n"
