"""The graph as JSON."""

import json

import torchpipe as tp
from torchpipe.dashboard.drawing import drawing, values


def cells(told):
    return {cell["path"]: cell for cell in told["cells"]}


def test_cells_and_connections_have_dotted_paths(sums):
    told = drawing(sums([]))
    assert [(path, cell["role"]) for path, cell in cells(told).items()] == [
        ("numbers", "source"),
        ("digest", "scaled"),
        ("weigh.light", "scaled"),
        ("weigh.measure", "plain"),
        ("pick", "plain"),
        ("results", "results"),
    ]
    assert [(one["from"], one["to"]) for one in told["connections"]] == [
        ("numbers", "digest"),
        ("numbers", "weigh.light"),
        ("weigh.light", "weigh.measure"),
        ("numbers", "pick"),
        ("digest", "pick"),
        ("weigh.measure", "pick"),
        ("pick", "results"),
    ]


def test_parameters_tell_their_types_and_limits(sums):
    digest = cells(drawing(sums([])))["digest"]
    assert digest["doc"] == "Works for a while without the GIL."
    assert [(one["name"], one["type"], one["limits"]) for one in digest["parameters"]] == [
        ("rounds", "int", {"ge": 1, "le": 100_000}),
        ("salt", "str", {}),
        ("kind", "choice", {}),
        ("on", "bool", {}),
        ("weight", "float", {"gt": 0.0, "le": 1.0}),
    ]
    assert digest["parameters"][0]["value"] == 6000
    assert digest["configs"] == [{"name": "size", "doc": "", "value": 32}]


def test_all_of_it_is_json(sums):
    pipeline = sums([])
    assert json.loads(json.dumps(drawing(pipeline))) == drawing(pipeline)
    assert values(pipeline)["weigh.light.rounds"] == 2000


def test_an_open_pipeline_shows_its_inputs():
    class Double(tp.Pipeline):
        def build(self, x: int) -> int:
            return tp.cell(lambda x: 2 * x)(x)

    told = drawing(Double())
    assert told["open"]
    assert cells(told)["inputs"]["role"] == "source"


def test_values_that_json_has_not_are_told_as_text():
    class Odd(tp.Cell):
        most = tp.Parameter(float("inf"))
        pair = tp.Parameter((1, 2))

        def forward(self, x: int) -> int:
            return x

    class One(tp.Pipeline):
        def __init__(self):
            super().__init__()
            self.odd = Odd()

        def build(self, x: int) -> int:
            return self.odd(x)

    assert values(One()) == {"odd.most": "inf", "odd.pair": "(1, 2)"}
    assert cells(drawing(One()))["odd"]["parameters"][1]["type"] == "other"
