"""`--set` and `--scale`: the pipeline is changed before it runs, or not at all."""

import pytest

import torchpipe as tp
from torchpipe.cli.adjust import scale, set_values
from torchpipe.errors import ParameterError, UsageError


class Detect(tp.Cell):
    level = tp.Parameter(0.5, ge=0.0, le=1.0)
    size = tp.Parameter(3)
    name = tp.Parameter("net")
    fast = tp.Parameter(False)
    shape = tp.Parameter((1, 2))
    device = tp.Parameter(choices=(0, 1, "all"))
    precision = tp.Config("fp32", choices=("fp32", "fp16"))

    def forward(self, x):
        return x


class Inner(tp.Pipeline):
    def __init__(self):
        super().__init__()
        self.detect = Detect()
        self.plain = tp.cell(abs)

    def build(self, x):
        return self.plain(self.detect(x))


class Street(tp.Pipeline):
    def __init__(self):
        super().__init__()
        self.source = tp.Source(range(3))
        self.detect = tp.ScaleUp(
            Detect(), clones=[tp.ThreadClone(torch_threads=1), tp.ThreadClone(torch_threads=2)]
        )
        self.inner = tp.ScaleUp(Inner(), 2)
        self.track = tp.cell(abs)

    def build(self):
        return self.track(self.inner(self.detect(self.source())))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("detect.level=1", 1.0),
        ("detect.level=0.25", 0.25),
        ("detect.size=4", 4),
        ("detect.name=3", "3"),
        ("detect.name=a=b", "a=b"),
        ("detect.name=", ""),
        ("detect.fast=Yes", True),
        ("detect.fast=0", False),
        ("detect.shape=(3, 4)", (3, 4)),
        ("detect.shape=wide", "wide"),
        ("detect.device=1", 1),
        ("detect.device=all", "all"),
        ("detect.precision=fp16", "fp16"),
        ("inner.detect.size=5", 5),
    ],
)
def test_set_reads_the_value_as_its_type_asks(text, value):
    pipeline = Street()
    set_values(pipeline, [text])
    path = text.partition("=")[0]
    cell = pipeline.inner.cell.detect if path.startswith("inner") else pipeline.detect
    assert getattr(cell, path.rpartition(".")[2]) == value


@pytest.mark.parametrize(
    ("text", "kind", "error"),
    [
        (
            "detect.level",
            UsageError,
            "cannot read --set detect.level: write --set cell.parameter=value.",
        ),
        ("level=1", UsageError, "cannot read --set level=1: write --set cell.parameter=value."),
        (
            "detct.level=1",
            UsageError,
            "cannot set detct.level: there is no cell 'detct'; cells with parameters: detect, "
            "inner.detect.",
        ),
        (
            "detect.levle=1",
            UsageError,
            "cannot set detect.levle: detect has no parameter 'levle'; there are: level, size, "
            "name, fast, shape, device, precision.",
        ),
        (
            "track.x=1",
            UsageError,
            "cannot set track.x: track has no parameter 'x'; there are: none.",
        ),
        (
            "detect.level=2",
            ParameterError,
            "cannot set detect.level to 2.0: it must be at least 0.0 and at most 1.0.",
        ),
        (
            "detect.level=low",
            ParameterError,
            "cannot set detect.level to 'low': a float is expected.",
        ),
        ("detect.size=1.5", ParameterError, "cannot set detect.size to '1.5': an int is expected."),
        (
            "detect.fast=maybe",
            ParameterError,
            "cannot set detect.fast to 'maybe': a bool is expected.",
        ),
        (
            "detect.precision=fp8",
            ParameterError,
            "cannot set detect.precision to 'fp8': it must be one of 'fp32', 'fp16'.",
        ),
    ],
)
def test_set_refuses_what_cannot_be(text, kind, error):
    with pytest.raises(kind) as caught:
        set_values(Street(), [text])
    assert str(caught.value) == error


def test_set_without_any_parameter_says_so():
    class Plain(tp.Pipeline):
        def build(self):
            return tp.Source([])()

    with pytest.raises(UsageError) as caught:
        set_values(Plain(), ["detect.level=1"])
    assert str(caught.value) == (
        "cannot set detect.level: there is no cell 'detect'; cells with parameters: none."
    )


def test_scale_repeats_the_last_clone():
    pipeline = Street()
    scale(pipeline, ["detect=4", "inner=1"])
    assert [(clone.index, clone.torch_threads) for clone in pipeline.detect.clones] == [
        (0, 1),
        (1, 2),
        (2, 2),
        (3, 2),
    ]
    assert pipeline.inner.clones == (tp.ThreadClone(),)


@pytest.mark.parametrize(
    "text", ["detect", "detect=", "detect=0", "detect=-1", "detect=many", "=²"]
)
def test_scale_refuses_what_is_no_number(text):
    with pytest.raises(UsageError) as caught:
        scale(Street(), [text])
    assert (
        str(caught.value) == f"cannot read --scale {text}: write --scale cell=4, from 1 to 10,000."
    )


@pytest.mark.parametrize(
    ("path", "what"),
    [
        ("track", "it is not scaled up"),
        ("detct", "there is no such cell"),
        ("inner.detect", "there is no such cell"),
    ],
)
def test_scale_refuses_what_is_not_scaled_up(path, what):
    with pytest.raises(UsageError) as caught:
        scale(Street(), [f"{path}=4"])
    assert str(caught.value) == (
        f"cannot scale {path}: {what}; those that are: detect, inner. Wrap the cell where it is "
        f"made: tp.ScaleUp(...)."
    )


def test_both_reach_the_run(torchpipe, street):
    words = ["--set", "detect.level=0.7", "--set", "detect.precision=fp16", "--scale", "detect=3"]
    code, out, _ = torchpipe("run", f"{street}:Street", *words)
    assert code == 0
    assert out.splitlines()[4].split()[3] == "3"


def test_a_stateful_cell_stays_with_one_clone(torchpipe, target):
    file = target(
        "import torchpipe as tp\n"
        "class Track(tp.Cell):\n"
        "    stateful = True\n"
        "    def forward(self, x): return x\n"
        "class Line(tp.Pipeline):\n"
        "    def __init__(self):\n"
        "        self.track = tp.ScaleUp(Track(), 1)\n"
        "    def build(self):\n"
        "        return self.track(tp.Source([])())\n"
    )
    assert torchpipe("run", f"{file}:Line", "--scale", "track=2") == (
        2,
        "",
        "torchpipe: Line cannot run, 1 problem:\n"
        "  - cannot scale up 'track' to 2 clones: Track is stateful, so every item must pass "
        "through one clone. Scale up the stateless cells before it; their order is kept.\n",
    )
