import doctest
import importlib
import pkgutil

import pytest

import recipes.tracking

FOLDER, PREFIX = recipes.tracking.__path__, "recipes.tracking."
MODULES = [module.name for module in pkgutil.walk_packages(FOLDER, PREFIX)]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_are_true(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    module = importlib.import_module(name)
    assert doctest.testmod(module, optionflags=doctest.ELLIPSIS).failed == 0
