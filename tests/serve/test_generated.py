"""A client that is generated from a running service: typed, and it asks for every kind of port."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.serve.made import ROOT, serving_apart

pytest.importorskip("openapi_python_client")

PAGE = (ROOT / "docs" / "serving.md").read_text(encoding="utf-8")

PROGRAM = """
import sys
from base64 import b64decode, b64encode
from io import BytesIO
from pathlib import Path
from struct import pack

from client import Client
from client.api.control import get_parameters
from client.api.items import run, run_batch
from client.models import (
    BatchProblem, BatchResult, Colour, ExactFloat32OfN, Inputs, InputsSize, Items, Outputs, Person,
    Problem, Results, RunArrays, RunFilesBody,
)
from client.types import File

client = Client(sys.argv[1])
pixel = [[[255, 0, 7]]]
inputs = Inputs(
    count=3, share=0.5, text="text", person=Person("Ada", place=[1, 2]), scores=[0.5, 1.0],
    image=pixel, free=[[True], [False]],
)
wrong = Inputs(
    count="3",  # type: ignore[arg-type]
    share=0.5, text="text", person=Person("Ada"), scores=[0.5],
    image=pixel[0],  # type: ignore[arg-type]
    free=1.5, colour="red",  # type: ignore[arg-type]
)


def asked(inputs: Inputs | RunFilesBody, arrays: RunArrays = RunArrays.LISTS) -> Outputs:
    told = run.sync(client=client, body=inputs, arrays=arrays)
    assert isinstance(told, Outputs), told
    return told


told = asked(inputs)
person = told.person
assert (told.count, told.share, told.text) == (3, 0.5, "text")
assert (person.name, person.place) == ("Ada", [1, 2])
assert (told.scores, told.image, told.free) == ([0.5, 1.0], pixel, [[True], [False]])
assert (told.colour, told.size, told.note, told.raw) == (Colour.RED, "small", None, "")

inputs.colour, inputs.size, inputs.note = Colour.BLUE, InputsSize.LARGE, "note"
inputs.person, inputs.raw = Person("Eve"), b64encode(b"raw").decode()
inputs.scores = ExactFloat32OfN("float32", [2], b64encode(pack("<2f", 0.1, 2.0)).decode())
told = asked(inputs, RunArrays.BASE64)
assert (told.colour, told.size, told.note) == (Colour.BLUE, "large", "note")
assert told.person.place is None
assert told.scores == inputs.scores
assert told.raw == inputs.raw

form = RunFilesBody(
    count=3, share=0.5, text="7", person=Person("Ada", place=[1, 2]), colour=Colour.BLUE,
    scores=File(BytesIO(Path("scores.npy").read_bytes()), "scores.npy"),
    image=File(BytesIO(Path("image.png").read_bytes()), "image.png"),
    free=File(BytesIO(Path("scores.npy").read_bytes()), "scores.npy"),
    raw=File(BytesIO(b"raw"), "raw"),
)
told = asked(form)
assert (told.count, told.text, told.colour) == (3, "7", Colour.BLUE)
assert told.person == person
assert (told.scores, told.image, b64decode(told.raw)) == ([0.5, 1.0], pixel, b"raw")

problem = run.sync(client=client, body=Inputs.from_dict({**inputs.to_dict(), "scores": [[1.0]]}))
assert isinstance(problem, Problem)
assert (problem.status, problem.title) == (422, "Unprocessable Entity")

inputs.count = 2**70
several = run_batch.sync(client=client, body=Items([inputs, inputs]))
assert isinstance(several, Results)
for one in several.results:
    assert not isinstance(one, BatchProblem)
    assert one.outputs.count == 2**70

assert get_parameters.sync_detailed(client=client).status_code == 200
"""


def test_a_generated_client_is_typed_and_sends_and_gets_every_kind_of_port(tmp_path: Path):
    import numpy as np
    from PIL import Image

    np.save(tmp_path / "scores.npy", np.array([0.5, 1.0], np.float32))
    Image.new("RGB", (1, 1), (255, 0, 7)).save(tmp_path / "image.png")
    (tmp_path / "program.py").write_text(PROGRAM)
    with serving_apart("tests.serve.kinds:Same", "--no-access-log") as (_, url):
        url = f"{url}/openapi.json"
        words = ["--url", url, "--meta", "none", "--output-path", "client", "--fail-on-warning"]
        call(tmp_path, "openapi-python-client", "generate", *words)
        call(tmp_path, "mypy", "--strict", "--follow-imports=silent", "program.py")
        call(tmp_path, sys.executable, "program.py", url.removesuffix("/openapi.json"))


def test_the_client_of_the_page(tmp_path: Path):
    pipeline = re.search(r"^```python\n(.*?)^```", PAGE, re.M | re.S)
    section = re.search(r"^## A typed client\n(.*?)^## ", PAGE, re.M | re.S)
    assert pipeline
    assert section
    (generate,) = re.findall(r"^```sh\n(.*?)^```", section[1], re.M | re.S)
    (program,) = re.findall(r"^```py\n(.*?)^```", section[1], re.M | re.S)
    (tmp_path / "scores.py").write_text(pipeline[1])
    with serving_apart(f"{tmp_path}/scores.py:Scores", "--no-access-log") as (_, url):
        (tmp_path / "program.py").write_text(program.replace("http://localhost:8000", url))
        install, generate = generate.replace("http://localhost:8000", url).splitlines()
        assert install == "pip install openapi-python-client"
        call(tmp_path, *generate.split())
        call(tmp_path, "mypy", "--strict", "--follow-imports=silent", "program.py")
        assert call(tmp_path, sys.executable, "program.py") in ("0\n", "1\n")


def call(folder: Path, program: str, *words: str) -> str:
    """What a program of this environment prints; it must not fail."""
    beside = Path(sys.executable).parent
    done = subprocess.run(
        [beside / program, *words],
        cwd=folder,
        env={**os.environ, "PATH": f"{beside}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
