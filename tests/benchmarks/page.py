"""What the live page does, and what it costs: one more clone by its means, one viewer at 2 Hz."""

import contextlib
import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import torchpipe as tp
from tests.benchmarks.benchmark import Asked, Benchmark, Measure, Measurement, Missing
from tests.benchmarks.oracle import cell, computes, line, numbers, sleeps

SECONDS, SETTLED = 5.0, 3.0
VIEWER = """
import sys, urllib.request
with urllib.request.urlopen(sys.argv[1] + "events") as events:
    for row in events:
        print(len(row), flush=True)
"""


@contextlib.contextmanager
def shown(pipeline: tp.Pipeline) -> Iterator[Any]:
    """The page of a run whose results a thread takes."""
    try:
        from torchpipe.dashboard import show
    except ModuleNotFoundError as error:
        raise Missing(f"{error.name} is not installed: pip install '.[dashboard]'") from None
    over = threading.Event()
    with pipeline.run() as run, show(run) as page:
        puller = threading.Thread(target=pull, args=(page, over))
        puller.start()
        try:
            yield page
        finally:
            over.set()
            puller.join()


def pull(page: Any, over: threading.Event) -> None:
    for _ in page.results():
        if over.is_set():
            return


@contextlib.contextmanager
def viewer(page: Any) -> Iterator[None]:
    """A process that looks at a page, as a browser does; it has seen something when this begins."""
    command = [sys.executable, "-c", VIEWER, page.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            for _ in range(4):
                process.stdout.readline()
            threading.Thread(target=process.stdout.read, daemon=True).start()
            yield
        finally:
            process.kill()


def moments(page: Any) -> Iterator[dict[str, Any]]:
    """What the page is told."""
    with urllib.request.urlopen(f"{page.url}events", timeout=20) as events:
        for row in events:
            if row.startswith(b"data: "):
                yield json.loads(row[6:])


def scaled_as_told(make: Callable[[], tp.Pipeline]) -> Measure:
    """Add the clone that the page offers; measure how far off its promise is."""

    def measure() -> Measurement:
        with shown(make()) as page:
            seen = moments(page)
            before = next(moment for moment in seen if offers(moment))
            path, clones = before["verdict"]["scale"]
            promised = before["rate"] + before["verdict"]["gain"]
            began = time.perf_counter()
            post(page, "scale", {path: clones})
            next(moment for moment in seen if clones_of(moment, path) == clones)
            waited = time.perf_counter() - began
            then = next(moment for moment in seen if time.perf_counter() - began > SETTLED + 2.5)
        return {
            "value": abs(then["rate"] / promised - 1),
            "seconds": waited,
            "before": before["rate"],
            "promised": promised,
            "then": then["rate"],
        }

    return measure


def offers(moment: dict[str, Any]) -> bool:
    """Whether the page offers a clone, on what it has seen for some seconds."""
    return moment["time"] > SETTLED and bool((moment["verdict"] or {}).get("gain"))


def clones_of(moment: dict[str, Any], path: str) -> int:
    return next(one["clones"] for one in moment["cells"] if one["path"] == path and one["scaled"])


def post(page: Any, what: str, body: dict[str, Any]) -> None:
    """Do what a click does."""
    request = urllib.request.Request(f"{page.url}{what}", json.dumps(body).encode())
    urllib.request.urlopen(request, timeout=20).close()


def looked_at(make: Callable[[], tp.Pipeline], look: Callable[[Any], Any]) -> Measure:
    """Measure the milliseconds for a result, and the part of a core that the process takes."""

    def measure() -> Measurement:
        with shown(make()) as page, look(page):
            time.sleep(1)
            first, began, spent = page.board.run.statistics(), time.perf_counter(), cpu()
            time.sleep(SECONDS)
            last, seconds = page.board.run.statistics(), time.perf_counter() - began
            used = (cpu() - spent) / seconds
        return {"value": 1000 * seconds / (last.items - first.items), "cores": used}

    return measure


def cpu() -> float:
    return time.process_time()


def nobody(_: Any) -> Any:
    return contextlib.nullcontext()


def busy() -> tp.Pipeline:
    """Pure Python: whatever the page takes, it takes from this."""
    return line(a=cell(computes(1), 1))


def paced() -> tp.Pipeline:
    """Mostly idle: what the process takes beyond this, it takes for the page."""
    return line(source=numbers(10), a=cell(sleeps(5), 2))


PAGE_CLONE = Benchmark(
    name="page-clone",
    title="one more clone, by what the page offers",
    unit="error of the promise",
    contenders={
        "it goes on to limit": scaled_as_told(lambda: line(a=cell(sleeps(20), 1))),
        "another one limits": scaled_as_told(
            lambda: line(a=cell(sleeps(20), 2), b=cell(sleeps(8), 1))
        ),
    },
    asked=tuple(
        asked
        for name in ("it goes on to limit", "another one limits")
        for asked in (
            Asked(name, "at most", 0.15),
            Asked(name, "at most", 2.0, key="seconds"),
        )
    ),
    ours="it goes on to limit",
)
PAGE_VIEWER = Benchmark(
    name="page-viewer",
    title="a viewer of the page, of a pipeline that takes a whole core",
    unit="ms per result",
    contenders={"nobody looks": looked_at(busy, nobody), "one viewer": looked_at(busy, viewer)},
    asked=(Asked("one viewer", "at most", 1.02, over="nobody looks"),),
    ours="one viewer",
)


def cores_of(measure: Measure) -> Measure:
    """Measure the part of a core instead."""
    return lambda: {"value": measure()["cores"]}


PAGE_CPU = Benchmark(
    name="page-cpu",
    title="a viewer of the page, of a pipeline that waits",
    unit="cores",
    contenders={
        "nobody looks": cores_of(looked_at(paced, nobody)),
        "one viewer": cores_of(looked_at(paced, viewer)),
    },
    asked=(Asked("one viewer", "at most", 0.01, beyond="nobody looks"),),
    ours="one viewer",
)
