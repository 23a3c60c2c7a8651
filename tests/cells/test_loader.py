"""`DataLoaderSource`: labelled or not, in batches or one by one, in an order of the run's seed."""

import operator
from collections import namedtuple

import pytest
import torch
from torch.utils.data import DataLoader, DistributedSampler, IterableDataset, TensorDataset

import torchpipe as tp
from tests.cells.made import Only
from torchpipe.errors import ParameterError, RunError

LABELLED = [(float(number), -number) for number in range(5)]


class Labels(tp.Pipeline):
    """The label only, through clones."""

    def __init__(self, source):
        super().__init__()
        self.source = source
        self.negate = tp.ScaleUp(tp.cell(operator.neg), clones=2)

    def build(self):
        _, label = self.source()
        return self.negate(label)


def two_epochs(source, **options):
    with Only(source).run(**options) as run:
        return plain(list(run)), plain(list(run))


def plain(values):
    """The values without tensors."""
    if isinstance(values, torch.Tensor):
        return values.tolist()
    if isinstance(values, dict):
        return {name: plain(value) for name, value in values.items()}
    if isinstance(values, tuple | list):
        return [plain(value) for value in values]
    return values


def loader(data=range(5), size=2, **options):
    return DataLoader(data, batch_size=size, **options)


# -- what it gives


def test_without_ports_an_item_is_what_the_loader_gives():
    batches = [[0, 1], [2, 3], [4]]
    assert two_epochs(tp.DataLoaderSource(loader())) == (batches, batches)
    batches = [[[0.0, 1.0], [0, -1]], [[2.0, 3.0], [-2, -3]], [[4.0], [-4]]]
    assert two_epochs(tp.DataLoaderSource(loader(LABELLED))) == (batches, batches)


def test_a_loader_may_give_samples():
    source = tp.DataLoaderSource(loader(LABELLED, None), ports=("x", "y"))
    assert two_epochs(source)[0] == plain(LABELLED)


def test_the_parts_of_a_labelled_batch_are_outputs():
    source = tp.DataLoaderSource(loader(LABELLED), ports=("x", "y"))
    assert list(source.outputs) == ["x", "y"]
    with Labels(source).run() as run:
        assert plain(list(run)) == [[0, 1], [2, 3], [4]]


def test_the_only_part_of_an_unlabelled_batch_is_an_output():
    source = tp.DataLoaderSource(loader(TensorDataset(torch.arange(3))), ports=["x"])
    assert list(source.outputs) == ["x"]
    assert two_epochs(source)[0] == [[0, 1], [2]]


def test_the_parts_of_a_mapping_are_taken_by_name():
    data = [{"id": f"digit {n}", "label": n, "image": torch.full((2,), n)} for n in range(3)]
    source = tp.DataLoaderSource(loader(data), ports=("image", "label"))
    assert two_epochs(source)[0] == [[[[0, 0], [1, 1]], [0, 1]], [[[2, 2]], [2]]]


Sample = namedtuple("Sample", "x y")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (range(3), [0, 1, 2]),
        (LABELLED[:3], [[0.0, 0], [1.0, -1], [2.0, -2]]),
        ([Sample(n, -n) for n in range(3)], [[0, 0], [1, -1], [2, -2]]),
        ([{"x": n, "id": f"{n}"} for n in range(3)], [{"x": n, "id": f"{n}"} for n in range(3)]),
        ([((n, "a"), [n]) for n in range(3)], [[[n, "a"], [n]] for n in range(3)]),
        (["a", "b", "c"], ["a", "b", "c"]),
    ],
    ids=["unlabelled", "labelled", "named", "mapping", "nested", "text"],
)
def test_unbatch_gives_the_samples(data, expected):
    assert two_epochs(tp.DataLoaderSource(loader(data), unbatch=True)) == (expected, expected)


def test_unbatched_samples_have_parts_too():
    source = tp.DataLoaderSource(loader(LABELLED), ports=("x", "y"), unbatch=True)
    with Labels(source).run() as run:
        assert plain(list(run)) == [0, 1, 2, 3, 4]


def columns(rows):
    return tuple(zip(*rows, strict=True))


def test_a_function_unbatches_what_another_collated():
    images = [(torch.zeros(n, 2), n) for n in range(1, 5)]
    ragged = loader(images, collate_fn=columns)
    source = tp.DataLoaderSource(ragged, ports=("image", "rows"), unbatch=columns)
    with Labels(source).run() as run:
        assert list(run) == [-1, -2, -3, -4]


def test_it_knows_its_length_where_the_loader_does():
    class Stream(IterableDataset):
        def __iter__(self):
            return iter(range(5))

    loaders = loader(), loader(drop_last=True), loader(Stream())
    lengths = [operator.length_hint(tp.DataLoaderSource(each)) for each in loaders]
    samples = [operator.length_hint(tp.DataLoaderSource(each, unbatch=True)) for each in loaders]
    assert (lengths, samples) == ([3, 2, 0], [5, 4, 0])


def test_it_shows_what_it_reads():
    source = tp.DataLoaderSource(loader(TensorDataset(torch.arange(3))), ports=["x"])
    assert repr(source) == "DataLoaderSource(TensorDataset, x)"


# -- the order


def test_a_loader_shuffles_by_the_runs_seed_and_the_epoch():
    orders = [
        two_epochs(tp.DataLoaderSource(loader(range(20), None, shuffle=True)), seed=seed)
        for seed in (0, 0, 1)
    ]
    assert orders[0] == orders[1]
    assert len({tuple(order) for epochs in orders for order in epochs}) == 4
    assert sorted(orders[0][0]) == [*range(20)]


def test_worker_processes_change_nothing_about_the_order():
    orders = [
        two_epochs(tp.DataLoaderSource(loader(range(20), 3, shuffle=True, num_workers=workers)))
        for workers in (0, 1)
    ]
    assert orders[0] == orders[1]


def test_a_generator_of_the_loaders_own_decides():
    def order(seed):
        own = torch.Generator().manual_seed(7)
        each = loader(range(20), None, shuffle=True, generator=own)
        return two_epochs(tp.DataLoaderSource(each), seed=seed)

    assert order(0) == order(1)
    assert order(0)[0] != order(0)[1]


def test_the_global_generator_is_as_before():
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    two_epochs(tp.DataLoaderSource(loader(range(20), None, shuffle=True)))
    assert torch.rand(1) == expected


def test_the_sampler_is_told_the_epoch():
    sampler = DistributedSampler(range(8), num_replicas=2, rank=0, shuffle=True, seed=1)

    def order(epoch):
        sampler.set_epoch(epoch)
        return list(sampler)

    expected = order(0), order(1)
    assert expected[0] != expected[1]
    assert two_epochs(tp.DataLoaderSource(loader(range(8), None, sampler=sampler))) == expected


def test_the_sampler_within_a_batch_sampler_is_told_the_epoch():
    class Batches:
        sampler = DistributedSampler(range(4), num_replicas=1, rank=0)

        def __iter__(self):
            yield [self.sampler.epoch]

    each = DataLoader(range(4), batch_sampler=Batches())
    assert two_epochs(tp.DataLoaderSource(each)) == ([[0]], [[1]])


def test_it_starts_at_a_batch_in_the_order_of_its_epoch():
    for source in (sampled, shuffled):
        with Only(source()).run() as run:
            epochs = [plain(list(run)) for _ in range(4)]
            run.seek(2, 3)
            assert [plain(list(run)), plain(list(run))] == [epochs[2][3:], epochs[3]]
        with Only(source()).run() as run:
            run.seek(1, 2)
            assert [plain(list(run)), plain(list(run))] == [epochs[1][2:], epochs[2]]


def sampled():
    sampler = DistributedSampler(range(8), num_replicas=2, rank=0, shuffle=True, seed=1)
    return tp.DataLoaderSource(loader(range(8), None, sampler=sampler))


def shuffled():
    return tp.DataLoaderSource(loader(range(8), shuffle=True), unbatch=True)


def test_clones_after_it_change_nothing_about_the_order():
    def order(clones):
        class Line(tp.Pipeline):
            def __init__(self):
                super().__init__()
                self.source = shuffled()
                self.same = tp.ScaleUp(tp.cell(operator.pos), clones)

            def build(self):
                return self.same(self.source())

        with Line().run() as run:
            return plain(list(run)), plain(list(run))

    assert order(1) == order(3) == two_epochs(shuffled())


def test_workers_end_with_an_early_break():
    with Only(tp.DataLoaderSource(loader(range(100), num_workers=1))).run() as run:
        assert next(iter(run)).tolist() == [0, 1]
    # The fixture `nothing_left` looks for processes.


# -- what can't be


@pytest.mark.parametrize(
    ("data", "ports", "shown"),
    [
        (range(5), ("x", "y"), "a Tensor"),
        (LABELLED, ("x", "y", "z"), "a list of 2"),
        ([{"x": 1}], ("x", "y"), "a dict of x"),
    ],
)
def test_a_batch_without_the_parts_is_an_error(data, ports, shown):
    with pytest.raises(RunError) as error:
        two_epochs(tp.DataLoaderSource(loader(data), ports=ports))
    assert str(error.value) == (
        f"cannot take {', '.join(ports)} from what the DataLoader gives: it is {shown}. Name its "
        f"parts in `ports`, or leave `ports` out."
    )


def test_parts_of_different_lengths_are_no_samples():
    odd = loader(collate_fn=lambda batch: (torch.zeros(2), torch.zeros(3)))
    with pytest.raises(RunError) as error:
        two_epochs(tp.DataLoaderSource(odd, unbatch=True))
    assert str(error.value) == (
        "cannot unbatch what the DataLoader gives: its parts have 2, 3 samples. Pass a function as "
        "`unbatch` that gives the samples of a batch."
    )


def test_a_number_has_no_samples():
    with pytest.raises(RunError) as error:
        two_epochs(tp.DataLoaderSource(loader(collate_fn=sum), unbatch=True))
    assert str(error.value) == (
        "cannot unbatch a int: it has no samples. Pass a function as `unbatch` that gives the "
        "samples of a batch."
    )


def test_samples_cannot_be_unbatched():
    with pytest.raises(ParameterError) as error:
        tp.DataLoaderSource(loader(size=None), unbatch=True)
    assert str(error.value) == (
        "cannot unbatch a DataLoader with batch_size=None: it gives samples already. Leave out "
        "`unbatch`."
    )


def test_names_must_be_names():
    with pytest.raises(ParameterError) as error:
        tp.DataLoaderSource(loader(), ports=("x", "x"))
    text = "cannot name the outputs x, x: encountered duplicate field name: 'x'."
    assert str(error.value) == text
