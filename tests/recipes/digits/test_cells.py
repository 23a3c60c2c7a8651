import pytest
import torch

import torchpipe as tp
from recipes.digits.cells import Augment, Decode, MakeBatch, Read, accuracy, collate
from torchpipe.testing import check_cell


@pytest.fixture(scope="session")
def images(digits):
    return [Decode()(digit.png) for digit in digits.train[::400]]


class Augmented(tp.Pipeline):
    def __init__(self, images, clones):
        super().__init__()
        self.source = tp.Source(images)
        self.augment = tp.ScaleUp(Augment(), clones)

    def build(self):
        return self.augment(self.source())


def augmented(images, clones=2, seed=0, **changes):
    with Augmented(images, clones).run(seed=seed) as run:
        for name, value in changes.items():
            run.set(f"augment.{name}", value)
        return torch.stack(list(run)), torch.stack(list(run))


def test_an_image_is_a_tensor_from_black_to_white(digits):
    (image,) = check_cell(Decode(), digits.train[0].png)
    assert image.shape == (1, 28, 28)
    assert (image.min(), image.max()) == (0.0, 1.0)


def test_every_image_is_changed_anew_in_every_epoch(images):
    first, second = augmented([images[5]] * 4)
    different = {tuple(image.flatten().tolist()) for image in (*first, *second)}
    assert len(different) == 8
    assert first.shape == (4, 1, 28, 28)


def test_the_number_of_clones_changes_no_image(images):
    expected = augmented(images, clones=1)
    for clones in (2, 3):
        found = augmented(images, clones=clones)
        assert all(torch.equal(*epochs) for epochs in zip(found, expected, strict=True))
    assert not torch.equal(augmented(images, seed=1)[0], expected[0])


def test_a_change_is_small_and_digits_stay_readable(images):
    first, _ = augmented(images)
    original = torch.stack(images)
    assert 0.02 < (first - original).abs().mean() < 0.15
    assert (first.mean(dim=(1, 2, 3)) / original.mean(dim=(1, 2, 3)) - 1).abs().max() < 0.45


def test_without_any_change_an_image_stays_as_it_is(images):
    same, _ = augmented(images, angle=0.0, shift=0.0, stretch=0.0, slant=0.0)
    assert torch.allclose(same, torch.stack(images), atol=1e-5)


def test_a_shift_is_one_in_pixels(images):
    bar = torch.zeros(1, 28, 28)
    bar[0, :, 14] = 1.0
    moved, _ = augmented([bar] * 50, angle=0.0, shift=3.0, stretch=0.0, slant=0.0)
    columns = (moved[:, 0, 14] * torch.arange(28)).sum(dim=1)
    assert 2.5 < (columns - 14).abs().max() <= 3.001


def test_batches_are_stacked_and_the_last_one_may_be_smaller(images):
    items = [(image, label) for label, image in enumerate(images)]
    first, second, third = check_cell(MakeBatch(4), *items)
    assert first.images.shape == second.images.shape == (4, 1, 28, 28)
    assert third.labels.tolist() == [8, 9]
    assert first.labels.dtype == torch.int64
    assert torch.equal(collate(items[4:8]).images, second.images)


def test_the_likeliest_digit_is_read():
    (reading,) = check_cell(Read(), torch.tensor([0.0, 3.0, 0.0]).log_softmax(0))
    assert reading.digit == 1
    assert reading.sureness == pytest.approx(0.9094, abs=1e-4)


def test_accuracy_is_told_for_each_image():
    logits = torch.tensor([[1.0, 2.0], [5.0, 0.0]])
    assert accuracy(logits, torch.tensor([1, 1])).tolist() == [1.0, 0.0]
