"""How long `import torchpipe` takes, beside `import torch`, and what it does not load."""

import subprocess
import sys
import time

from tests.benchmarks.benchmark import Asked, Benchmark, Measure, Measurement
from tests.benchmarks.harness import ROOT

HEAVY = ("ray", "lightning", "pytorch_lightning", "fastapi", "starlette", "uvicorn", "aiohttp")


def importing(code: str) -> Measure:
    """Measure the seconds of a Python process that runs `code`, from its start to its end."""
    return lambda: {"value": timed_process(code)[0]}


def timed_process(code: str) -> tuple[float, str]:
    """Return how many seconds the process took, and what it printed."""
    command = [sys.executable, "-c", code]
    start = time.perf_counter()
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    elapsed = time.perf_counter() - start
    if "ModuleNotFoundError" in done.stderr:
        raise ModuleNotFoundError(done.stderr.splitlines()[-1])
    done.check_returncode()
    return elapsed, done.stdout


def torchpipe() -> Measurement:
    """Measure `import torchpipe`, and count the heavy packages that are loaded after it."""
    elapsed, loaded = timed_process(
        f"import sys, torchpipe; print(sum(name in sys.modules for name in {HEAVY}))"
    )
    return {"value": elapsed, "heavy": int(loaded)}


EVERY_NAME = "import torchpipe; [getattr(torchpipe, name) for name in torchpipe.__all__]"

IMPORT = Benchmark(
    name="import",
    title="a process that imports and ends",
    unit="seconds",
    contenders={
        "nothing": importing("pass"),
        "torch": importing("import torch"),
        "torchpipe": torchpipe,
        "torchpipe, every name": importing(EVERY_NAME),
        "spdl.pipeline": importing("import spdl.pipeline"),
        "pypeln": importing("import pypeln"),
    },
    asked=(
        Asked("torchpipe", "at most", 0.1, beyond="torch"),
        Asked("torchpipe, every name", "at most", 0.1, beyond="torch"),
        Asked("torchpipe", "at most", 0, key="heavy"),
    ),
)
