"""`torchpipe recipes`, `torchpipe cp`, and recipes as targets: in a checkout and in a wheel."""

import subprocess
import sys
from pathlib import Path

import pytest

import torchpipe as package
from torchpipe.cli import recipes

INIT = '"""Counts to three.\n\nMore about it.\n"""\n\nfrom .line import Line\n\nrecipe = Line\n'
LINE = """\
import torchpipe as tp


class Line(tp.Pipeline):
    def build(self):
        return tp.Source([1, 2, 3])()
"""


def make(folder: Path, init: str = INIT) -> Path:
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(init)
    (folder / "line.py").write_text(LINE)
    (folder / "__pycache__").mkdir()
    return folder


@pytest.fixture
def checkout(tmp_path, monkeypatch):
    """A checkout with a package and two recipes."""
    monkeypatch.setattr(package, "__file__", str(tmp_path / "torchpipe" / "__init__.py"))
    (tmp_path / "pyproject.toml").touch()
    make(tmp_path / "recipes" / "recipe_a")
    make(tmp_path / "recipes" / "recipe_long", init="")
    return tmp_path


def test_recipes_are_listed_with_their_first_lines(checkout, torchpipe):
    assert torchpipe("recipes") == (0, "recipe_a     Counts to three.\nrecipe_long\n", "")


def test_without_recipes_the_list_is_empty(checkout, torchpipe):
    (checkout / "pyproject.toml").unlink()  # then a folder named recipes is somebody else's
    assert torchpipe("recipes") == (0, "\n", "")


def test_a_wheel_has_them_inside(checkout, torchpipe):
    make(checkout / "torchpipe" / "_recipes" / "recipe_b")
    assert torchpipe("recipes").out == "recipe_b  Counts to three.\n"


def test_a_recipe_runs_by_its_name(checkout, torchpipe):
    code, out, err = torchpipe("run", "recipe_a")
    assert (code, out.partition(" in ")[0], err) == (0, "3 items", "")


MORE = f'{INIT}commands = {{"twice": Line, "none": 3}}\n'


def test_a_recipe_may_have_commands(checkout, torchpipe):
    make(checkout / "recipes" / "recipe_m", init=MORE)
    assert torchpipe("run", "recipe_m", "twice").out.startswith("3 items")
    assert torchpipe("graph", "recipe_m", "twice", "--format", "tree").out.startswith("Line(")
    wrong = torchpipe("run", "recipe_m", "twice", "--wrong")
    assert wrong.err.endswith("--wrong. See `torchpipe run recipe_m twice --help`.\n")


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (
            ["recipe_m", "thrice"],
            "the recipe 'recipe_m' has no command 'thrice'; there are: twice, none.",
        ),
        (["recipe_a", "twice"], "the recipe 'recipe_a' has no command 'twice'; there are: none."),
        (
            ["recipe_m", "none"],
            "cannot run recipe_m none: it is of type int, and a Pipeline class is expected.",
        ),
        (
            ["recipe_m.line:Line", "twice"],
            "cannot run recipe_m.line:Line twice: only a recipe has commands. Leave it out.",
        ),
    ],
)
def test_a_command_that_is_not_there(checkout, torchpipe, words, error):
    make(checkout / "recipes" / "recipe_m", init=MORE)
    assert torchpipe("run", *words) == (2, "", f"torchpipe: {error}\n")


def test_the_recipes_of_the_checkout_are_found():
    assert "tracking" in [recipe.name for recipe in recipes.recipes()]
    assert all(recipe.description for recipe in recipes.recipes())


def test_a_recipe_is_imported_from_a_wheel(tmp_path):
    """Its full name is that of a package within torchpipe."""
    site = tmp_path / "site"
    make(site / "torchpipe" / "_recipes" / "recipe_w")
    (site / "torchpipe" / "_recipes" / "__init__.py").touch()
    for part in Path(package.__file__).parent.iterdir():
        if part.name != "_recipes":
            (site / "torchpipe" / part.name).symlink_to(part)
    script = (
        "import sys; from torchpipe.cli import main; code = main(['run', 'recipe_w']); "
        "print(code, 'torchpipe._recipes.recipe_w.line' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=site, capture_output=True, text=True, check=True
    )
    assert (done.stdout.splitlines()[-1], done.stderr) == ("0 True", "")


def test_an_unknown_recipe(checkout, torchpipe):
    assert torchpipe("run", "recipe_c") == (
        2,
        "",
        "torchpipe: there is no recipe 'recipe_c'; there are: recipe_a, recipe_long. Or write "
        "file.py:Name, or module:Name.\n",
    )


def test_a_recipe_without_a_pipeline(checkout, torchpipe):
    error = "torchpipe: cannot run the recipe 'recipe_long': it defines no `recipe`.\n"
    assert torchpipe("run", "recipe_long") == (2, "", error)


def test_a_recipe_that_needs_more_than_is_installed(checkout, torchpipe):
    make(checkout / "recipes" / "recipe_m", init="import none_such\n")
    assert torchpipe("run", "recipe_m") == (
        2,
        "",
        "torchpipe: cannot run the recipe 'recipe_m': the module 'none_such' is not installed. The "
        "recipe's README.md says what to install.\n",
    )


def test_a_mistake_in_a_recipe_is_shown(checkout, torchpipe):
    folder = make(checkout / "copies" / "recipe_x", init="from .lime import Line\n")
    code, out, err = torchpipe("run", folder)
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == "ModuleNotFoundError: No module named 'recipe_x.lime'"


def test_a_folder_without_a_recipe(tmp_path, torchpipe):
    error = f"torchpipe: cannot run {tmp_path}: no recipe is there, with an `__init__.py`.\n"
    assert torchpipe("run", tmp_path) == (2, "", error)


def test_a_copy_runs_from_its_folder(checkout, torchpipe):
    folder = checkout / "some" / "recipe_copy"
    assert torchpipe("cp", "recipe_a", folder) == (
        0,
        f"Copied to {folder}. Run it: torchpipe run {folder} --help\n",
        "",
    )
    assert sorted(file.name for file in folder.iterdir()) == ["__init__.py", "line.py"]
    assert [file.name for file in folder.parent.iterdir()] == ["recipe_copy"]
    code, out, _ = torchpipe("run", folder)
    assert (code, out.partition(" in ")[0]) == (0, "3 items")


def test_a_copy_in_the_current_folder_is_named_with_a_dot(checkout, torchpipe, monkeypatch):
    monkeypatch.chdir(checkout)
    code, out, _ = torchpipe("cp", "recipe_a", "recipe_mine")
    assert (code, out) == (
        0,
        "Copied to ./recipe_mine. Run it: torchpipe run ./recipe_mine --help\n",
    )
    assert torchpipe("run", "./recipe_mine").code == 0


def test_a_copy_has_the_recipes_that_it_builds_on(checkout, torchpipe):
    init = "from .more import More\n\nrecipe = More\n"
    recipe = make(checkout / "recipes" / "recipe_on", init=init)
    more = "from ..recipe_a.line import Line\n\n\nclass More(Line):\n    ...\n"
    (recipe / "more.py").write_text(more)
    folder = checkout / "recipe_copied"
    assert torchpipe("cp", "recipe_on", folder).code == 0
    assert (folder / "more.py").read_text() == more.replace("from ..", "from .")
    names = sorted(file.name for file in (folder / "recipe_a").iterdir())
    assert names == ["__init__.py", "line.py"]
    code, out, _ = torchpipe("run", folder)
    assert (code, out.partition(" in ")[0]) == (0, "3 items")


def test_a_copy_never_overwrites(checkout, torchpipe):
    folder = checkout / "recipes" / "recipe_long"
    assert torchpipe("cp", "recipe_a", folder) == (
        2,
        "",
        f"torchpipe: cannot copy to {folder}: it exists. Name a folder to make.\n",
    )
    assert (folder / "__init__.py").read_text() == ""


def test_a_copy_is_whole_or_not_there(checkout, torchpipe, monkeypatch):
    def full(*args, **options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recipes.shutil, "copytree", full)
    folder = checkout / "recipe_copy"
    error = f"torchpipe: cannot copy to {folder}: No space left on device.\n"
    assert torchpipe("cp", "recipe_a", folder) == (2, "", error)
    assert not list(checkout.glob("*recipe_copy*"))


def test_only_recipes_are_copied(checkout, torchpipe):
    error = "torchpipe: there is no recipe 'x'; there are: recipe_a, recipe_long.\n"
    assert torchpipe("cp", "x", "y") == (2, "", error)
    (checkout / "pyproject.toml").unlink()
    error = "torchpipe: there is no recipe 'x'; there are: none.\n"
    assert torchpipe("cp", "x", "y") == (2, "", error)
    assert torchpipe("run", "x").err == (
        "torchpipe: there is no recipe 'x'; there are: none. Or write file.py:Name, or "
        "module:Name.\n"
    )
