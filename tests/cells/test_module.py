"""`ModuleCell`: alone, scaled up, and batched."""

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

import torchpipe as tp
from torchpipe.errors import ConnectError, ParameterError, RunError
from torchpipe.testing import Barrier, Gate, check_cell

SAMPLES = [torch.randn(3, generator=torch.Generator().manual_seed(i)) for i in range(6)]


class Scores(NamedTuple):
    mean: Tensor
    top: Tensor


class TwoHeads(nn.Module):
    """Several inputs, one with a default; several outputs."""

    def forward(self, image: Tensor, scale: float = 1.0) -> Scores:
        return Scores(image.mean(-1) * scale, image.amax(-1) * scale)


class Through(tp.Pipeline):
    def __init__(self, items, cell):
        super().__init__()
        self.source = tp.Source(items)
        self.cell = cell

    def build(self):
        return self.cell(self.source())


def results(items, cell, **options):
    with Through(items, cell).run(**options) as run:
        return list(run)


def net_of_two_layers():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Dropout())


def expected(net, samples):
    """What a plain loop gives, in eval mode, for samples without a batch dimension."""
    net.eval()
    with torch.no_grad():
        return [net(sample[None])[0] for sample in samples]


def test_ports_are_those_of_the_networks_forward():
    cell = tp.ModuleCell(TwoHeads())
    assert list(map(str, cell.inputs.values())) == [
        "ModuleCell.image (Tensor)",
        "ModuleCell.scale (float)",
    ]
    assert list(cell.outputs) == ["mean", "top"]


def test_a_network_without_named_inputs_is_refused():
    with pytest.raises(ConnectError, match="ports come from named parameters"):
        _ = tp.ModuleCell(nn.Module()).inputs


def test_it_is_a_good_cell():
    net = net_of_two_layers()
    batches = [sample[None] for sample in SAMPLES]
    torch.testing.assert_close(
        [result[0] for result in check_cell(tp.ModuleCell(net), *batches)], expected(net, SAMPLES)
    )


def test_a_batching_one_is_a_good_cell():
    check_cell(tp.ModuleCell(net_of_two_layers(), batch=tp.Batching(4)), *SAMPLES)


@pytest.mark.parametrize("clones", [0, 1, 3])
@pytest.mark.parametrize("batch", [None, tp.Batching(4, max_wait=0.0)])
def test_any_clones_and_batches_give_what_a_plain_loop_gives(clones, batch):
    net = net_of_two_layers()
    cell = tp.ModuleCell(net, batch=batch)
    items = SAMPLES if batch else [sample[None] for sample in SAMPLES]
    found = results(items, tp.ScaleUp(cell, clones=clones) if clones else cell)
    found = found if batch else [result[0] for result in found]
    torch.testing.assert_close(found, expected(net, SAMPLES))


def test_results_are_inference_tensors_and_the_mode_ends_with_the_call():
    cell = tp.ModuleCell(nn.Linear(3, 2))
    assert cell(SAMPLES[0]).is_inference()
    assert not torch.is_inference_mode_enabled()


def test_without_inference_the_users_module_runs_and_gradients_flow():
    net = nn.Linear(3, 1)
    [result] = results(SAMPLES[:1], tp.ModuleCell(net, inference=False))
    result.sum().backward()
    assert torch.equal(net.weight.grad[0], SAMPLES[0])


def test_a_factory_is_called_in_setup_only():
    made = []

    def make() -> nn.Linear:
        made.append(1)
        return nn.Linear(3, 2)

    pipeline = Through(SAMPLES, tp.ScaleUp(tp.ModuleCell(make), clones=3))
    pipeline.check()
    assert made == []
    with pipeline.run() as run:
        assert len(list(run)) == len(SAMPLES)
    assert made == [1]


def test_thread_clones_share_the_weights():
    seen = set()

    class Spy(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            barrier.meet()
            seen.add((id(self), self.weight.data_ptr()))
            return super().forward(x)

    barrier, net = Barrier(parties=2), Spy(3, 2)
    net.extra = barrier  # copied along, and shared
    results(SAMPLES, tp.ScaleUp(tp.ModuleCell(net), clones=2))
    assert len(seen) == 1
    assert seen.pop()[1] == net.weight.data_ptr()


def test_dtype_and_autocast_may_differ_from_clone_to_clone():
    cell = tp.ScaleUp(
        tp.ModuleCell(nn.Linear(3, 2)),
        clones=[
            tp.ThreadClone(config={"dtype": torch.float64}),
            tp.ThreadClone(config={"autocast": torch.bfloat16}),
        ],
    )
    barrier = Barrier(parties=2)

    class Both(tp.Pipeline):
        def __init__(self):
            super().__init__()
            self.source, self.cell = tp.Source(SAMPLES[:2]), cell

        def build(self):
            return self.cell(self.source())

    cell.cell.weights.net.register_forward_pre_hook(lambda *_: barrier.meet())
    with Both().run() as run:
        assert {result.dtype for result in run} == {torch.float64, torch.bfloat16}


def test_dtype_casts_the_network_and_its_inputs():
    net = nn.Linear(3, 2)
    assert tp.ModuleCell(net, dtype=torch.float64)(SAMPLES[0]).dtype == torch.float64
    assert net.weight.dtype == torch.float32


def test_the_device_of_the_cell_goes_before_that_of_the_clone():
    assert tp.ModuleCell(nn.Linear(3, 2), device="meta")(SAMPLES[0]).device.type == "meta"


def test_keyword_arguments_reach_the_network():
    assert tp.ModuleCell(TwoHeads())(torch.ones(1, 3), scale=3.0).mean.tolist() == [3]


@pytest.mark.filterwarnings("ignore:Guards may run slower:RuntimeWarning")  # Python 3.13.0
@pytest.mark.parametrize("clones", [0, 2])
def test_compile_on_request(clones):
    net = net_of_two_layers()
    cell = tp.ModuleCell(net, compile="eager")
    items = [sample[None] for sample in SAMPLES]
    found = results(items, tp.ScaleUp(cell, clones=clones) if clones else cell)
    torch.testing.assert_close([result[0] for result in found], expected(net, SAMPLES))


class Sizes(nn.Module):
    """Notes the size of each batch that it sees."""

    def __init__(self, seen):
        super().__init__()
        self.seen = seen

    def forward(self, x: Tensor) -> Tensor:
        self.seen(len(x))
        return x + 1


def test_items_of_one_shape_share_a_call():
    seen = []
    cell = tp.ModuleCell(Sizes(seen.append), batch=tp.Batching(8))
    items = [(torch.zeros(2),), (torch.zeros(3),), (torch.ones(2),)]
    cell.setup(tp.ThreadClone())
    assert [row.tolist() for row in cell.forward_batch(items)] == [[1, 1], [1, 1, 1], [2, 2]]
    assert seen == [2, 1]


def test_named_outputs_are_split_per_item():
    cell = tp.ModuleCell(TwoHeads(), batch=tp.Batching(8))
    cell.setup(tp.ThreadClone())
    rows = cell.forward_batch([(torch.tensor([1.0, 3.0]),), (torch.tensor([5.0, 5.0]),)])
    assert rows == [Scores(2, 3), Scores(5, 5)]


def test_waiting_items_are_run_together():
    """While item 0 is held before the cell, others wait; then they go in as one batch."""
    seen, gate = [], Gate(number=lambda sample: int(sample.sum()))

    class Net(Sizes):
        def forward(self, x: Tensor) -> Tensor:
            gate.hold(int(x[0].sum()))
            return super().forward(x)

    items = [torch.full((1,), float(number)) for number in range(5)]
    cell = tp.ScaleUp(tp.ModuleCell(Net(seen.append), batch=tp.Batching(8, 0.0)), clones=1)
    gate.open(1)
    with Through(items, cell).run(window=5) as run:
        run_on = iter(run)
        gate.wait_until_inside(0)
        gate.open()
        assert [result.item() for result in run_on] == [1, 2, 3, 4, 5]
    assert sum(seen) == 5
    assert max(seen) > 1


def test_a_network_that_loses_rows_is_told():
    class Total(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.sum()

    with pytest.raises(RunError, match=r"cannot split a tensor of shape \(\)"):
        results(SAMPLES, tp.ModuleCell(Total(), batch=tp.Batching(4)))


def test_it_shows_the_network_and_its_settings():
    cell = tp.ModuleCell(nn.Linear(3, 2), dtype=torch.float16)
    assert repr(cell) == "ModuleCell(Linear, dtype=torch.float16)"


def scaled_by(x):
    return x


@pytest.mark.parametrize(("value", "name"), [(scaled_by, "scaled_by"), (3, "3")])
def test_what_is_no_network_and_makes_none_is_refused(value, name):
    with pytest.raises(ParameterError) as caught:
        tp.ModuleCell(value)
    assert str(caught.value) == (
        f"cannot make a ModuleCell of {name}: it is no nn.Module, and no function that makes one, "
        f"which takes no arguments. Wrap a function of items with tp.cell(...)."
    )


def test_batch_is_no_number():
    with pytest.raises(ParameterError) as caught:
        tp.ModuleCell(nn.Linear(4, 2), batch=4)
    assert str(caught.value) == (
        "cannot batch with 4: batch must be a tp.Batching. Write batch=tp.Batching(max_size=16)."
    )


def test_a_device_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(ParameterError) as caught:
        tp.ModuleCell(nn.Linear(4, 2), device="gpu")(torch.zeros(4))
    text = str(caught.value)
    assert text.startswith("cannot run ModuleCell on 'gpu': Expected one of cpu, cuda")
    assert "Devices here: cpu" in text
