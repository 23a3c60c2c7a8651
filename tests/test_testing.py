"""The helpers for tests: they hold, meet, record, and find bad cells."""

import threading
from typing import NamedTuple

import pytest
import torch

import torchpipe as tp
from torchpipe.testing import Barrier, Gate, Recorder, WaitTimeout, check_cell, stacks
from torchpipe.testing.same import same


class Through(tp.Pipeline):
    def __init__(self, items, cell):
        super().__init__()
        self.source, self.cell = tp.Source(items), cell

    def build(self):
        return self.cell(self.source())


class TestGate:
    def test_it_decides_which_item_returns(self):
        gate = Gate()
        with Through(range(4), tp.ScaleUp(gate, clones=2)).run() as run:
            results = iter(run)
            gate.wait_until_inside(0, 1)
            gate.open(1)
            gate.wait_until_inside(0, 2)
            gate.open()
            assert list(results) == [0, 1, 2, 3]
        assert gate.inside == frozenset()

    def test_an_open_item_passes_at_once(self):
        gate = Gate()
        gate.open(3)
        assert gate(3) == 3

    def test_a_wait_in_vain_says_who_is_inside(self):
        with pytest.raises(WaitTimeout) as error:
            Gate(timeout=0.0).wait_until_inside(2)
        text = str(error.value)
        assert text.startswith(
            "waited 0.0 s in vain for items [2] inside; inside are [], opened []"
        )
        assert "test_a_wait_in_vain_says_who_is_inside" in text

    def test_an_item_that_is_not_let_go_fails_in_the_cell(self):
        gate = Gate(timeout=0.0)
        with pytest.raises(WaitTimeout, match=r"gate\.open\(1\); inside are \[1\]"):
            gate.hold(1)
        assert gate.inside == frozenset()

    def test_items_may_have_their_number_elsewhere(self):
        gate = Gate(number=len)
        gate.open(2)
        assert gate("ab") == "ab"


class TestBarrier:
    def test_all_clones_are_inside_together(self):
        barrier = Barrier(parties=3)
        with Through(range(7), tp.ScaleUp(barrier, clones=3)).run() as run:
            assert list(run) == list(range(7))
        assert barrier.met
        assert barrier.most_inside == 3

    def test_too_few_calls_fail(self):
        with pytest.raises(WaitTimeout, match="in vain for 2 calls inside together; there were 1"):
            Barrier(parties=2, timeout=0.0).meet()


class TestRecorder:
    def test_it_notes_every_call_in_every_clone(self):
        recorder = Recorder()
        with Through("abc", tp.ScaleUp(recorder, clones=2)).run() as run:
            list(run)
            list(run)
        assert sorted(recorder.items) == list("aabbcc")
        assert sorted(event.clone for event in recorder.of("setup")) == [0, 1]
        assert [len(recorder.of(call)) for call in ("reset", "teardown")] == [4, 2]

    def test_setup_comes_first_and_teardown_last(self):
        recorder = Recorder()
        with Through("a", recorder).run() as run:
            list(run)
        assert [event.call for event in recorder.events] == [
            "setup",
            "reset",
            "forward",
            "teardown",
        ]


def test_stacks_show_every_thread():
    gate = Gate()
    thread = threading.Thread(target=gate.hold, args=(0,), name="held")
    thread.start()
    gate.wait_until_inside(0)
    text = stacks()
    gate.open()
    thread.join()
    assert "thread held:" in text
    assert "test_stacks_show_every_thread" in text


class Add(tp.Cell):
    """A good cell with two inputs."""

    def forward(self, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return x + y


class Dice(tp.Cell):
    def forward(self, sides: int) -> int:
        return self.seed % sides


class Numbers(tp.Cell):
    def reset(self):
        self.next = 0

    def forward(self) -> int:
        self.next += 1
        if self.next > 3:
            raise tp.EndOfStream
        return self.next


class Later(Numbers):
    """Starts further on, and one too early if it is told to be wrong."""

    def __init__(self, wrong: int = 0):
        self.wrong = wrong

    def seek(self, epoch, item):
        self.next = item - self.wrong
        return True


class Awaited(tp.Cell):
    async def forward(self, x: int) -> int:
        return x


class Parts(NamedTuple):
    first: int
    rest: int


class Split(tp.Cell):
    """Gives a tuple of so many values, where two are promised."""

    filters = True

    def __init__(self, count: int):
        super().__init__()
        self.count = count

    def forward(self, x: int) -> Parts:
        return tp.HOLE if x < 0 else (x,) * self.count


class Sum(tp.Cell):
    stateful = True

    def reset(self):
        self.total = 0

    def forward(self, x: int) -> int:
        self.total += x
        return self.total

    def state_dict(self):
        return {"total": self.total}

    def load_state_dict(self, state):
        self.total = state["total"]


class InPlace(tp.Cell):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.add_(1)


class NeverForgets(Sum):
    def __init__(self):
        super().__init__()
        self.total = 0

    def reset(self):
        pass


class Secretive(Sum):
    stateful = False


class Stateless(Sum):
    def state_dict(self):
        return {}

    def load_state_dict(self, state):
        pass


class Drops(tp.Cell):
    def forward(self, x: int) -> int:
        return tp.HOLE


class Locked(tp.Cell):
    def __init__(self):
        super().__init__()
        self.event = [threading.Event()]

    def __deepcopy__(self, memo):
        return type(self)()

    def forward(self, x: int) -> int:
        return x


class Forgetful(tp.Cell):
    """Loses what it was made with when it is copied."""

    def __init__(self, factor=1):
        super().__init__()
        self.factor = factor

    def __deepcopy__(self, memo):
        return type(self)(self.factor - 1)

    def forward(self, x: int) -> int:
        return x * self.factor


class TestCheckCell:
    def test_it_returns_the_results(self):
        one = torch.ones(2)
        assert [result.tolist() for result in check_cell(Add(), (one, one), (one, 2 * one))] == [
            [2, 2],
            [3, 3],
        ]

    def test_inputs_that_cannot_be_copied_are_not_compared(self):
        check_cell(tp.Call(bool), threading.Lock(), pickles=False)

    def test_randomness_from_the_seed_is_fine(self):
        check_cell(Dice(), 1_000_000, 1_000_000)

    def test_a_source_that_returns_items_is_read_to_its_end(self):
        assert check_cell(Numbers()) == [1, 2, 3]

    def test_a_source_starts_further_on(self):
        assert check_cell(Later()) == [1, 2, 3]

    def test_a_stateful_cell_is_resumed_in_the_middle(self):
        assert check_cell(Sum(), 1, 2, 3) == [1, 3, 6]

    def test_the_cell_itself_is_not_set_up_and_its_copies_are_torn_down(self):
        recorder = Recorder()
        check_cell(recorder, 1, pickles=False)
        assert not recorder._deployed
        assert len(recorder.of("setup")) == len(recorder.of("teardown")) > 0

    def test_a_tuple_with_a_value_for_each_output_is_fine(self):
        assert check_cell(Split(2), 1, -1) == [(1, 1), tp.HOLE]

    @pytest.mark.parametrize(
        ("cell", "items", "message"),
        [
            (
                Split(3),
                [-1, 5],
                "result 1 does not have one value for each of its outputs (first, rest): "
                "(5, 5, 5). Return a Parts.",
            ),
            (
                Awaited(),
                [1],
                "Awaited.forward is async, so a call gives no result. Write a plain function; "
                "waiting in threads is what clones are for.",
            ),
            (Add(), [1], "item 0 is no tuple of arguments for its inputs (x, y): 1."),
            (Numbers(), [1], "item 0 is no tuple of arguments for its inputs (none): 1."),
            (
                InPlace(),
                [torch.zeros(1)],
                "its `forward` changes its input in place: number 0 is (tensor([1.]),) instead of "
                "(tensor([0.]),). Other cells read the same value. Change a copy.",
            ),
            (
                NeverForgets(),
                [1, 1],
                "it gives other results after `reset`: number 0 is 3 instead of 1. Forget in "
                "`reset` what `forward` remembers, and take randomness from `self.seed`.",
            ),
            (
                Secretive(),
                [1, 2],
                "its results depend on the items before: number 0 is 3 instead of 1, with the "
                "items in reverse. Write `stateful = True` in its class.",
            ),
            (
                Stateless(),
                [1, 2],
                "its state does not bring a copy to where it was: number 1 is 2 instead of 3, "
                "resumed at item 1. Return in `state_dict` all that it remembers, and take it back "
                "in `load_state_dict`.",
            ),
            (
                Later(wrong=1),
                [],
                "after `seek(0, 1)` it gives other results: 3 instead of 2. Leave out so many "
                "items, or return False.",
            ),
            (
                Drops(),
                [1],
                "it returns HOLE but `filters` is False. Write `filters = True` in its class.",
            ),
            (
                Locked(),
                [1],
                "its definition cannot be pickled (TypeError: cannot pickle '_thread.lock' "
                "object). Make what cannot travel in `setup`, or call check_cell(..., "
                "pickles=False).",
            ),
            (
                Forgetful(3),
                [1],
                "a pickled copy of it gives other results: number 0 is 3 instead of 2.",
            ),
        ],
        ids=lambda value: type(value).__name__ if isinstance(value, tp.Cell) else "",
    )
    def test_a_bad_cell_is_told_why(self, cell, items, message):
        with pytest.raises(AssertionError) as error:
            check_cell(cell, *items)
        assert str(error.value) == f"{type(cell).__name__} is no good cell: {message}"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (1, 1.0, False),
        ([1], [1, 2], False),
        ({"a": 1}, {"b": 1}, False),
        (torch.tensor([float("nan")]), torch.tensor([float("nan")]), True),
        (torch.zeros(2), torch.zeros(3), False),
        (torch.zeros(2), torch.zeros(2, dtype=torch.float64), False),
        (torch.float64, torch.float32, False),
        (Sum(), Sum(), True),
        (Forgetful(1), Forgetful(2), False),
    ],
)
def test_same_means_equal_in_type_shape_and_value(one, other, expected):
    assert same(one, other) is expected
