"""TARGET: a file, a module, a recipe; and what is said when it is none of them."""

import pytest

LINE = """\
import torchpipe as tp


class Line(tp.Pipeline):
    def build(self):
        return tp.Source([1, 2])()
"""


def test_a_module_is_found_from_the_current_folder(torchpipe, tmp_path, monkeypatch):
    (tmp_path / "target_here.py").write_text(LINE)
    monkeypatch.chdir(tmp_path)
    assert torchpipe("graph", "target_here:Line") == (0, "Line(\n  (source): Source(list)\n)\n", "")


def test_a_file_of_a_package_may_import_its_neighbours(torchpipe, tmp_path):
    package = tmp_path / "target_package" / "inner"
    package.mkdir(parents=True)
    (package.parent / "__init__.py").touch()
    (package / "__init__.py").touch()
    (package / "line.py").write_text(LINE)
    (package / "main.py").write_text("from .line import Line\n")
    assert torchpipe("graph", f"{package}/main.py:Line").code == 0


def test_a_file_may_import_what_lies_beside_it(torchpipe, target):
    line = target(LINE)
    main = target(f"from {line.stem} import Line\n")
    assert torchpipe("graph", f"{main}:Line").code == 0


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("Stret", "there is no 'Stret' in {file}; pipelines there: Street, Open."),
        (
            "number",
            "cannot run {file}:number: it is of type int, and a Pipeline class is expected.",
        ),
        ("Detect", "cannot run {file}:Detect: it is a class, and a Pipeline class is expected."),
        ("", "cannot read the target {file}:: write file.py:Name, or module:Name."),
    ],
)
def test_a_name_that_is_no_pipeline(torchpipe, street, name, error):
    expected = f"torchpipe: {error.format(file=street)}\n"
    assert torchpipe("run", f"{street}:{name}") == (2, "", expected)


def test_a_file_without_a_name_is_told_the_pipelines_in_it(torchpipe, street):
    error = "names no pipeline in the file; pipelines there: Street, Open."
    expected = f"torchpipe: {street} {error} Write {street}:Name.\n"
    assert torchpipe("graph", street) == (2, "", expected)


def test_a_file_without_a_pipeline(torchpipe, target):
    file = target("x = 1\n")
    error = f"torchpipe: there is no 'Line' in {file}, and no pipeline.\n"
    assert torchpipe("run", f"{file}:Line") == (2, "", error)


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("none.py:Line", "cannot read none.py: there is no such file."),
        ("none.py", "cannot read none.py: there is no such file."),
        (
            "none_such:Line",
            "there is no module 'none_such'. Write file.py:Name, or module:Name for a module that "
            "Python can import.",
        ),
        (
            "json.none_such:Line",
            "there is no module 'json.none_such'. Write file.py:Name, or module:Name for a module "
            "that Python can import.",
        ),
        (
            "./none:Line",
            "there is no module './none'. Write file.py:Name, or module:Name for a module that "
            "Python can import.",
        ),
        (":Line", "cannot read the target :Line: write file.py:Name, or module:Name."),
    ],
)
def test_a_place_that_is_not_there(torchpipe, target, error):
    assert torchpipe("run", target) == (2, "", f"torchpipe: {error}\n")


def test_a_file_that_hides_behind_another_module(torchpipe, tmp_path):
    import json

    file = tmp_path / "json.py"
    file.write_text(LINE)
    assert torchpipe("run", f"{file}:Line") == (
        2,
        "",
        f"torchpipe: cannot import json.py: {json.__file__} has the same name 'json'. Rename the "
        f"file.\n",
    )


def test_an_error_in_the_file_is_the_users(torchpipe, target):
    file = target("import none_such\n")
    code, out, err = torchpipe("run", f"{file}:Line")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == "ModuleNotFoundError: No module named 'none_such'"


def test_an_error_in_the_module_is_the_users(torchpipe, target, monkeypatch):
    file = target("import none_such\n")
    monkeypatch.chdir(file.parent)
    code, out, err = torchpipe("run", f"{file.stem}:Line")
    assert (code, out) == (1, "")
    assert err.splitlines()[-1] == "ModuleNotFoundError: No module named 'none_such'"


@pytest.mark.parametrize("command", ["run", "graph"])
def test_a_target_must_be_given(torchpipe, command):
    error = f"the following arguments are required: TARGET. See `torchpipe {command} --help`."
    assert torchpipe(command) == (2, "", f"torchpipe: {error}\n")


def test_a_target_must_come_first(torchpipe):
    error = "torchpipe: the target comes first: torchpipe run TARGET --items 3\n"
    assert torchpipe("run", "--items", "3") == (2, "", error)
