"""Who shares which copy of a network, and that the user's own is never changed."""

import copy
import gc
import pickle
import threading
import weakref
from functools import partial

import pytest
import torch
from torch import nn

from torchpipe.cells.weights import Placement, Weights
from torchpipe.errors import ParameterError

CPU = Placement(torch.device("cpu"))
META = Placement(torch.device("meta"))  # stands for another device: every machine has it


def pointers(net):
    return [tensor.data_ptr() for tensor in net.state_dict().values()]


def small_net():
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Dropout())


def test_at_home_the_tensors_are_the_users_own():
    net = small_net()
    assert pointers(Weights(net).on(CPU)) == pointers(net)


def test_training_in_place_is_seen():
    net = nn.Linear(2, 1)
    placed = Weights(net).on(CPU)
    with torch.no_grad():
        net.weight.fill_(7)
    assert placed.weight.tolist() == [[7, 7]]


def test_the_users_module_keeps_its_mode_and_the_copy_evaluates():
    net = small_net()
    placed = Weights(net).on(CPU)
    assert all(module.training for module in net.modules())
    assert not any(module.training for module in placed.modules())


def test_without_evaluation_the_users_own_module_runs():
    net = small_net()
    assert Weights(net).on(CPU._replace(evaluate=False)) is net


def test_clones_in_one_place_share_one_module():
    weights = Weights(small_net())
    one, other = copy.deepcopy(weights), copy.copy(weights)
    assert one.on(CPU) is other.on(CPU)


def test_another_device_gets_a_copy_and_the_users_module_stays():
    net = small_net()
    placed = Weights(net).on(META)
    assert {tensor.device.type for tensor in placed.state_dict().values()} == {"meta"}
    assert {tensor.device.type for tensor in net.state_dict().values()} == {"cpu"}


def test_another_dtype_gets_a_copy_and_the_users_module_stays():
    net = small_net()
    placed = Weights(net).on(CPU._replace(dtype=torch.float64))
    dtypes = {name: tensor.dtype for name, tensor in placed.state_dict().items()}
    assert dtypes.pop("1.num_batches_tracked") == torch.int64
    assert set(dtypes.values()) == {torch.float64}
    assert net[0].weight.dtype == torch.float32


def test_tied_weights_stay_tied():
    net = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    net[1].weight = net[0].weight
    placed = Weights(net).on(CPU._replace(dtype=torch.float64))
    assert placed[0].weight is placed[1].weight


@pytest.mark.parametrize("dtype", [None, torch.float64])
def test_a_recurrent_network_gives_the_same(dtype):
    net = nn.LSTM(2, 3).eval()
    placed = Weights(net).on(CPU._replace(dtype=dtype))
    x = torch.ones(4, 1, 2)
    torch.testing.assert_close(placed(x.to(dtype))[0], net(x)[0], check_dtype=False)


def test_frozen_parameters_stay_frozen():
    net = nn.Linear(2, 2)
    net.bias.requires_grad_(False)
    placed = Weights(net).on(CPU._replace(dtype=torch.float64))
    assert (placed.weight.requires_grad, placed.bias.requires_grad) == (True, False)


def test_a_copy_lives_as_long_as_it_is_used():
    weights = Weights(small_net())
    placed = weakref.ref(weights.on(META))
    gc.collect()  # a module may be part of a cycle
    assert placed() is None


def test_a_compiled_copy_shares_the_weights_of_the_plain_one():
    weights = Weights(small_net())
    plain = weights.on(META)
    compiled = weights.on(META._replace(compile="eager"))
    assert next(compiled.parameters()) is next(plain.parameters())


def test_a_function_is_called_once_per_place_by_the_first_who_asks():
    made = []

    def make() -> nn.Linear:
        made.append(1)
        return nn.Linear(2, 2)

    weights, found = Weights(make), []
    threads = [threading.Thread(target=lambda: found.append(weights.on(CPU))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert len(set(map(id, found))) == 1
    assert not found[0].training


def make_linear() -> nn.Linear:
    return nn.Linear(2, 2)


@pytest.mark.parametrize("net", [nn.Linear, partial(nn.Linear, 2, 2), make_linear, nn.Linear(2, 2)])
def test_the_signature_is_known_without_making_the_network(net):
    weights = Weights(net)
    assert weights.signature().__func__ is nn.Linear.forward


def unknown():
    return nn.Linear(2, 2)


def base() -> nn.Module:
    return nn.Linear(2, 2)


@pytest.mark.parametrize("make", [unknown, base])
def test_a_function_that_does_not_say_what_it_makes_is_refused(make):
    with pytest.raises(ParameterError) as error:
        Weights(make).signature()
    assert str(error.value) == (
        f"cannot tell the inputs of the network that {make.__name__} makes: the function has no "
        f"return annotation that names a class of nn.Module. Write `def {make.__name__}() -> "
        f"MyNet:`, or pass the network itself."
    )


def test_an_annotation_that_cannot_be_resolved_is_none():
    def make() -> "Nowhere":  # noqa: F821 - the point of the test
        return nn.Linear(2, 2)

    with pytest.raises(ParameterError, match="no return annotation"):
        Weights(make).signature()


class Locked(nn.Linear):
    def __init__(self):
        super().__init__(2, 2)
        self.lock = threading.Lock()


def test_a_network_that_cannot_be_copied_is_refused():
    with pytest.raises(ParameterError) as error:
        Weights(Locked()).on(CPU)
    assert str(error.value) == (
        "cannot make a copy of Locked for cpu: TypeError: cannot pickle '_thread.lock' object. "
        "Pass a function that makes the network: tp.ModuleCell(make_net)."
    )


def test_a_network_that_cannot_be_copied_may_be_made_by_a_function():
    assert isinstance(Weights(Locked).on(CPU), Locked)


def test_pickling_takes_the_network_along():
    weights = Weights(nn.Linear(2, 2))
    weights.on(CPU)
    there = pickle.loads(pickle.dumps(weights))
    assert torch.equal(there.on(CPU).weight, weights.net.weight)


def test_weights_show_what_they_are():
    made = Weights(nn.Linear(2, 2)), Weights(make_linear), Weights(nn.Linear)
    assert list(map(repr, made)) == ["Linear", "make_linear", "Linear"]
    assert repr(Weights(partial(nn.Linear, 2, 2))).startswith("functools.partial(")
