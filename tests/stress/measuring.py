"""What `python -m tests.stress` runs, each part in a process of its own, and how it reads it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from xml.etree import ElementTree

from tests.benchmarks.harness import measure_apart
from tests.benchmarks.ray_faults import ITEMS, KILLS, RAY_FAULTS
from tests.stress.figures import Figures
from tests.stress.promises import read_promises
from tests.stress.table import Row

ROOT = Path(__file__).parents[2]
CASES = {
    "01": (
        "1. A worker dies in an item: killed, exit 0, aborted; or raises MemoryError",
        "2, 3, 5",
    ),
    "02": ("2. Skips, batches and filters around scaled branches, windows 1 and 2", "1, 3"),
    "03": ("3. An error while the stage before waits for room", "3, 5, 7"),
    "04": ("4. Jitter, a slow first item, live scaling", "1, 2, 4"),
    "05": ("5. Saved at every item, taken up twice on other clones", "7"),
    "06": ("6. A call that never returns; a consumer that is away", "3, 6"),
    "07": ("7. Loops and runs that are left, 1,000 times", "2, 6"),
    "08": ("8. Few items, empty epochs, partial batches, warm clones", "1, 2"),
    "09": ("9. Nested feedback around scaled cells, frames without a detection", "1, 3"),
    "10": ("10. Mixed kinds: failing setup, what cannot be sent, death at the end", "2, 5, 6"),
}
SOAKS = {
    "thread": (1_000_000, "1 to 7"),
    "ray": (50_000, "1 to 7, 9"),
    "mixed": (50_000, "1 to 7, 9"),
}
Told = ElementTree.Element


def tested(*words: str) -> list[Told]:
    """Run pytest, and give its test cases as JUnit tells them, each with its file."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = ["-o", "junit_family=xunit1", f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", "-q", *options, *words]
        subprocess.run(command, cwd=ROOT, stdout=sys.stderr, check=False)
        return list(ElementTree.parse(report).getroot().iter("testcase"))


def passed(told: list[Told]) -> str:
    """How many passed, of how many."""
    bad = [case for case in told if len(case) and case[-1].tag in ("failure", "error", "skipped")]
    return f"{len(told) - len(bad)} of {len(told)}"


def figures_of(told: list[Told]) -> Figures:
    """The figures of some tests together."""
    total = Figures()
    for case in told:
        kept = {each.get("name"): each.get("value") for each in case.iter("property")}
        if kept:
            total.add(Figures(**{f.name: json.loads(kept[f.name]) for f in fields(Figures)}))
    return total


def tests_of_promises() -> dict[str, tuple[int, str]]:
    """How many tests of each promise passed, of how many; and its number."""
    kept = read_promises()
    files = sorted({str(place) for promise in kept for place in promise.tests})
    told = tested("-n", "auto", "-m", "not ray and not gpu and not browser", *files)
    told += tested("-m", "ray and not stress", *files)
    passes = {p: passed([case for case in told if p.holds(case.get("file", ""))]) for p in kept}
    return {promise.name: (promise.number, passes[promise]) for promise in kept}


def cases(short: bool) -> Iterator[Row]:
    """The ten cases on all kinds of clones, or on threads only."""
    marked = "stress and not ray" if short else "stress"
    told = tested("-m", marked, *map(str, sorted(Path(__file__).parent.glob("test_case_*.py"))))
    for number, (name, promises) in CASES.items():
        mine = [case for case in told if re.match(f"test_{number}_", case.get("name", ""))]
        yield Row(name, promises, passed(mine), figures_of(mine))


def soaked(kind: str, short: bool = False) -> Row:
    """Random lives on one kind of clones."""
    items, promises = SOAKS[kind]
    items //= 10 if short else 1
    command = [sys.executable, "-m", "tests.stress.soak", "--kind", kind, "--items", str(items)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    told = json.loads(done.stdout.splitlines()[-1])
    name = (
        f"Soak, {kind} clones: {told['lives']} random lives; {told['bytes_per_item']} bytes per "
        f"item, {told['files_left']} files and {told['threads_left']} threads left"
    )
    figures = Figures(**{field.name: told[field.name] for field in fields(Figures)})
    return Row(name, promises, "-", figures)


def killed() -> Row:
    """Processes of Ray clones are killed at random moments, under load."""
    told = measure_apart(RAY_FAULTS, "torchpipe")
    wrong = {"lost": told["lost"], "doubled": told["doubled"]}
    figures = Figures(ITEMS, told["kills"], stall=told["value"], **wrong)
    return Row(f"{KILLS} kills among three Ray clones under load", "1, 2, 9", "-", figures)


def mutants() -> Row:
    """Faults planted in copies of the engine; those that no test notices count as lost."""
    told = tested("-m", "stress", "tests/stress/test_mutants.py", "-k", "every_fault")
    return Row(
        "Mutants: planted faults that a test notices",
        "1 to 8",
        passed(told),
        Figures(faults=len(told)),
    )
