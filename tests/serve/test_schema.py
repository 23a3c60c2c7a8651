"""The OpenAPI document says exactly what the service takes: schemathesis finds nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from torch import Tensor

from tests.serve.made import Typed, add_one, asking, serving_apart
from torchpipe.serve import Array

pytest.importorskip("schemathesis")
jsonschema_rs = pytest.importorskip("jsonschema_rs")

Scores = Annotated[Tensor, Array("float32", (None,))]
Place = Annotated[Tensor, Array("int64", (2,))]

# A deadline of a millisecond gives 504, as it should.
CONFIG = """
[checks.not_a_server_error]
expected-statuses = ["2xx", "3xx", "4xx", "504"]
"""


def document(url: str) -> dict:
    """What the service says of itself, without two things that no generator can know.

    A file in a form must be an image or an array, and a service that was drained takes no more.
    """
    told = httpx.get(f"{url}/openapi.json").json()
    for path in ("/run", "/stream"):
        told["paths"][path]["post"]["requestBody"]["content"].pop("multipart/form-data", None)
    del told["paths"]["/drain"]
    return told


@pytest.mark.parametrize(
    "target", ["tests.serve.everything:Everything", "tests.serve.everything:Words"]
)
def test_schemathesis_finds_nothing(target, tmp_path: Path):
    fuzz(target, tmp_path, 10)


@pytest.mark.stress
@pytest.mark.timeout(1800)
def test_10_000_requests_leave_the_service_healthy(tmp_path: Path):
    assert fuzz("tests.serve.everything:Everything", tmp_path, 2000) >= 10_000


def fuzz(target: str, folder: Path, examples: int) -> int:
    """Let schemathesis ask, and the service be healthy afterwards; return how often it asked."""
    (folder / "schemathesis.toml").write_text(CONFIG)
    with serving_apart(target, "--no-access-log") as (_, url):
        (folder / "openapi.json").write_text(json.dumps(document(url)))
        script = [str(Path(sys.executable).with_name("schemathesis")), "run", "openapi.json"]
        options = ["--url", url, "--checks", "all", "-n", str(examples), "--seed", "1"]
        done = subprocess.run(
            [*script, *options, "--no-color", "--generation-database", "none"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": ""},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout
        assert httpx.get(f"{url}/readyz").status_code == 200
        stats = httpx.get(f"{url}/stats").json()["requests"]
        assert stats["inside"] == 0
    line = next(one for one in done.stdout.splitlines() if " generated" in one)
    return int(line.split()[0].replace(",", ""))


def test_the_page_asks_no_other_host():
    with asking(Typed(add_one)) as client:
        page = client.get("/docs").text
        for part in page.split('"')[1::2]:
            assert not part.startswith(("http:", "https:", "//")), part
        script = next(part for part in page.split('"') if part.endswith(".js"))
        assert client.get(script).status_code == 200


def test_the_address_of_the_service_leads_to_the_page_to_try_it():
    with asking(Typed(add_one)) as client:
        assert client.get("/").headers["location"] == "docs"
        assert client.get("/", follow_redirects=True).url.path == "/docs"


def test_the_docstring_of_the_pipeline_is_in_the_document():
    class Plain(Typed):
        pass

    for pipeline, told in ((Typed(add_one), Typed.__doc__), (Plain(add_one), "")):
        with asking(pipeline) as client:
            assert client.get("/openapi.json").json()["info"].get("description", "") == told


def test_what_a_client_calls_has_plain_names():
    with asking(Typed(add_one)) as client:
        told = client.get("/openapi.json").json()["paths"]
    names = [one["operationId"] for methods in told.values() for one in methods.values()]
    assert len(set(names)) == len(names)
    assert {"run", "run_batch", "stream", "graph", "get_parameters", "livez"} <= {*names}


@dataclass
class Problem:
    """A type of a user, with the name of one of ours."""

    steps: int


def test_a_type_may_have_any_name():
    def solve(x: Problem) -> Problem:
        return x

    with asking(Typed(solve)) as client:
        schemas = client.get("/openapi.json").json()["components"]["schemas"]
        assert client.post("/run", json={"x": {"steps": 3}}).json() == {"out": {"steps": 3}}
    for ports, name in (("Inputs", "x"), ("Outputs", "out")):
        found = schemas[ports]["properties"][name]["$ref"]
        assert found == "#/components/schemas/ProblemValue"
    assert "steps" in schemas["ProblemValue"]["properties"]
    assert "detail" in schemas["Problem"]["properties"]


def test_an_array_as_an_object_is_one_schema_wherever_it_is_sent():
    def both(x: Scores, y: Scores, place: Place, more: Place | None = None) -> Scores:
        return x + y

    with asking(Typed(both)) as client:
        told = client.get("/openapi.json")
    assert "x-name" not in told.text
    schemas = told.json()["components"]["schemas"]
    for ports, name in (("Inputs", "x"), ("Inputs", "y"), ("Outputs", "out")):
        _, exact = schemas[ports]["properties"][name]["anyOf"]
        assert exact == {"$ref": "#/components/schemas/ExactFloat32OfN"}
    assert schemas["ExactFloat32OfN"]["properties"]["dtype"] == {"const": "float32"}
    place = {"dtype": "int64", "shape": [2], "data": f"{'A' * 22}=="}
    validator = jsonschema_rs.validator_for(schemas["ExactInt64Of2"])
    assert validator.is_valid(place)
    for wrong in ({"dtype": "int32"}, {"shape": [3]}, {"shape": [2, 1]}, {"data": "AAAA"}):
        assert not validator.is_valid(place | wrong)
