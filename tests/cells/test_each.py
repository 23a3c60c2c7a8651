"""`Each`: a copy of a cell for each key gives what cells of their own would give."""

import gc
import weakref

import pytest
from hypothesis import given
from hypothesis import strategies as st

import torchpipe as tp
from torchpipe.errors import GraphError, ParameterError, StateError
from torchpipe.testing import check_cell

ITEMS = st.lists(st.tuples(st.sampled_from(["a", "b", 7]), st.integers(-9, 9)), max_size=20)


class Total(tp.Cell):
    """The sum so far, times a factor."""

    stateful = True
    factor = tp.Parameter(1, ge=0)
    start = tp.Config(0)

    def setup(self, clone):
        self.device = clone.device

    def reset(self):
        self.sum = self.start

    def forward(self, number: int, more: int = 0) -> int:
        self.sum += number + more
        return self.factor * self.sum

    def state_dict(self):
        return {"sum": self.sum}

    def load_state_dict(self, state):
        self.sum = state["sum"]


class Life(tp.Cell):
    """Says what happens to it."""

    def __init__(self, told):
        super().__init__()
        self.told = told

    def __deepcopy__(self, memo):
        return Life(self.told)

    def setup(self, clone):
        self.told.append("setup")

    def reset(self):
        self.told.append("reset")

    def forward(self, x: int) -> int:
        self.told.append(x)
        return x

    def interrupt(self):
        self.told.append("interrupt")

    def finish(self):
        self.told.append("finish")

    def teardown(self):
        self.told.append("teardown")


class Session:
    """A key that equals nothing but itself."""


class Keyed(tp.Pipeline):
    """Pairs of a key and a number, through a cell that may be scaled up, to a cell for each key."""

    def __init__(self, items, cell, clones=0):
        super().__init__()
        self.source = tp.Source(items)
        self.key, value = tp.cell(first), tp.cell(second)
        self.value = tp.ScaleUp(value, clones=clones) if clones else value
        self.each = tp.Each(cell)

    def build(self):
        item = self.source()
        key = self.key(item)
        return key, self.each(key, self.value(item))


def first(pair):
    return pair[0]


def second(pair):
    return pair[1]


def apart(items, make):
    """The results of a loop over cells of their own."""
    cells = {key: make() for key, _ in items}
    return [(key, cells[key](number)) for key, number in items]


@given(ITEMS)
def test_each_equals_cells_of_their_own(items):
    each = tp.Each(Total())
    assert [(key, each(key, number)) for key, number in items] == apart(items, Total)


@given(ITEMS, st.sampled_from([0, 1, 3]))
def test_each_equals_cells_of_their_own_after_a_scaled_up_cell(items, clones):
    with Keyed(items, Total(), clones).run() as run:
        for epoch in range(2):
            assert list(run) == apart(items, Total), epoch


@given(ITEMS, st.data(), st.sampled_from([0, 2]))
def test_a_run_saved_at_any_item_goes_on_exactly(items, data, clones):
    count = data.draw(st.integers(0, len(items)))
    with Keyed(items, Total(), clones).run() as run:
        results = iter(run)
        taken = [next(results) for _ in range(count)]
        state = run.state_dict()
    with Keyed(items, Total()).run() as run:
        run.load_state_dict(state)
        assert taken + list(run) == apart(items, Total)


def test_it_is_a_good_cell():
    items = [("a", 1), ("b", 2), ("a", 3), ("b", 4), ("a", 5)]
    assert check_cell(tp.Each(Total()), *items) == [1, 2, 4, 6, 9]


def test_its_ports_are_the_key_and_those_of_the_cell():
    each = tp.Each(Total())
    assert [*map(str, each.inputs.values())] == [
        "Each.key (Hashable)",
        "Each.number (int)",
        "Each.more (int)",
    ]
    assert each.inputs.more.default == 0
    assert [*map(str, each.outputs.values())] == ["Each.out (int)"]
    assert each("a", 1, more=2) == each("b", more=2, number=1) == 3
    assert repr(each) == "Each(Total())"


def test_a_parameter_reaches_all_copies_while_the_run_goes_on():
    with Keyed([("a", 1), ("b", 1)] * 2, Total()).run() as run:
        results = iter(run)
        assert [next(results), next(results)] == [("a", 1), ("b", 1)]
        run.set("each.factor", 10)
        assert list(results) == [("a", 20), ("b", 20)]


def test_settings_are_those_of_the_cell():
    each = tp.Each(Total())
    each.factor, each.start = 2, 5
    assert (each.cell.factor, each.start, each("a", 1)) == (2, 5, 12)
    with pytest.raises(ParameterError):
        each.factor = -1


def test_one_clone_may_have_it_with_a_config_and_a_device():
    class Scaled(Keyed):
        def __init__(self, items):
            super().__init__(items, Total())
            clones = [tp.ThreadClone(device="meta", config={"start": 5})]
            self.each = tp.ScaleUp(tp.Each(Devices()), clones=clones)

    class Devices(Total):
        def forward(self, number: int) -> tuple:
            return super().forward(number), self.device

    pipeline = Scaled([("a", 1), ("b", 1)])
    pipeline.each.factor = 2
    with pipeline.run() as run:
        assert list(run) == [("a", (12, "meta")), ("b", (12, "meta"))]


def test_a_copy_may_be_prepared_for_its_key():
    def begin_at(total, key):
        total.start = key

    each = tp.Each(Total(), prepare=begin_at)
    assert [each(10, 1), each(20, 1), each(10, 1)] == [11, 21, 12]
    assert each.start == 0


def test_two_runs_of_one_definition_share_nothing():
    pipeline = Keyed([("a", 1), ("a", 2)], Total())
    with pipeline.run() as one, pipeline.run() as other:
        assert [run.pull() for run in (one, other)] == [("a", 1)] * 2
        assert [run.pull() for run in (one, other)] == [("a", 3)] * 2


def test_what_the_cell_filters_is_filtered():
    with Keyed(enumerate([1, 2, 3, 4]), tp.Filter(lambda x: x % 2 == 0)).run() as run:
        assert list(run) == [(1, 2), (3, 4)]


def test_what_the_cell_skips_is_skipped_whichever_of_the_two_says_so():
    def inverse(x: float) -> float:
        return 1 / x

    said_inside = Keyed([("a", 0), ("a", 1)], tp.cell(on_error="skip")(inverse))
    said_outside = Keyed([("a", 0), ("a", 1)], tp.cell(inverse))
    said_outside.each.on_error = "skip"
    for pipeline in (said_inside, said_outside):
        with pipeline.run() as run:
            assert list(run) == [("a", 1)]
            assert len(run.dead_letters) == 1


def test_a_cell_that_writes_gets_copies_of_all_but_the_key():
    class Clear(tp.Cell):
        writes = True

        def forward(self, values: list) -> int:
            values.clear()
            return len(values)

    session, values = Session(), [1, 2]
    with Keyed([(session, values)] * 2, Clear()).run() as run:
        assert list(run) == [(session, 0)] * 2
    assert values == [1, 2]


def test_a_cell_that_takes_batches_gets_those_of_a_key():
    class Batched(Total):
        batching = tp.Batching(max_size=4)

        def forward_batch(self, items):
            return [(len(items), self.forward(*item)) for item in items]

    each = tp.Each(Batched())
    each.setup(tp.ThreadClone())
    items = [("a", 1), ("b", 1), ("a", 2)]
    assert each.forward_batch(items) == [(2, 1), (1, 1), (2, 3)]
    with Keyed(items * 5, Batched()).run() as run:
        assert [(key, value) for key, (_, value) in run] == apart(items * 5, Total)


def test_the_seed_is_that_of_the_cell_at_this_item():
    class Seeds(tp.Cell):
        def forward(self, x: int) -> int:
            return self.seed

    with Keyed([("a", 1), ("b", 1)], Seeds()).run(seed=3) as run:
        seeds = [seed for _, seed in run]
        assert len(set(seeds)) == 2
    with Keyed([("b", 1), ("b", 1)], Seeds()).run(seed=3) as run:
        assert [seed for _, seed in run] == seeds


def test_a_copy_lives_from_its_first_item_to_the_end_of_the_run():
    told = []
    with Keyed([("a", 1), ("b", 2), ("a", 3)], Life(told)).run() as run:
        list(run)
        began, told[:] = list(told), []
        list(run)
        again, told[:] = list(told), []
    assert began == ["setup", "reset", 1, "setup", "reset", 2, 3, "finish", "finish"]
    assert again == ["reset", "reset", 1, 2, 3, "finish", "finish"]
    assert told == ["interrupt", "interrupt", "teardown", "teardown"]


def test_all_copies_are_torn_down_even_if_one_raises():
    class Bad(Life):
        def __deepcopy__(self, memo):
            return Bad(self.told)

        def teardown(self):
            super().teardown()
            raise OSError("stuck")

    told = []
    each = tp.Each(Bad(told))
    each("a", 1), each("b", 2)
    with pytest.raises(OSError, match="stuck"):
        each.teardown()
    assert told[-2:] == ["teardown", "teardown"]


def test_a_copy_that_cannot_be_set_up_is_torn_down_and_made_anew_for_the_next_item():
    class Late(Life):
        def __deepcopy__(self, memo):
            return Late(self.told)

        def reset(self):
            super().reset()
            if self.told.count("reset") == 1:
                raise OSError("not yet")

    told = []
    each = tp.Each(Late(told))
    with pytest.raises(OSError, match="not yet"):
        each("a", 1)
    assert each("a", 2) == 2
    assert told == ["setup", "reset", "teardown", "setup", "reset", 2]


def test_all_copies_are_told_that_the_run_stops():
    told = []
    each = tp.Each(Life(told))
    each("a", 1), each("b", 2)
    told.clear()
    each.interrupt()
    assert told == ["interrupt", "interrupt"]


@pytest.mark.parametrize("clones", [0, 1])
def test_a_key_that_is_forgotten_starts_anew(clones):
    pipeline = Keyed([("a", 1), ("b", 1)] * 2, Total())
    if clones:
        each = tp.ScaleUp(tp.Each(Total()), clones=clones)
        pipeline.each, forget = each, each.cell.forget
    else:
        forget = pipeline.each.forget
    with pipeline.run(window=1) as run:
        results = iter(run)
        assert [next(results), next(results)] == [("a", 1), ("b", 1)]
        if not clones:
            forget("a")
            assert list(results) == [("a", 1), ("b", 2)]


def test_a_forgotten_copy_is_finished_and_torn_down_before_the_next_item():
    told = []
    each = tp.Each(Life(told))
    each("a", 1)
    each.forget("a")
    each.forget("never seen")
    told.clear()
    each("b", 2)
    assert told == ["finish", "teardown", "setup", "reset", 2]


def test_a_key_that_nobody_else_has_is_not_kept_alive():
    told, session = [], Session()
    each = tp.Each(Life(told))
    each(session, 1)
    gone = weakref.ref(session)
    del session
    gc.collect()
    assert gone() is None
    told.clear()
    each.finish()
    assert told == ["finish", "teardown"]


@pytest.mark.parametrize("clones", [0, 1])
def test_a_run_keeps_no_key_alive_that_is_gone(clones):
    class Served(tp.Pipeline):
        def __init__(self):
            super().__init__()
            each = tp.Each(Life(told))
            self.each = tp.ScaleUp(each, clones=clones) if clones else each

        def build(self, session: Session, x: int):
            return self.each(session, x)

    told, session, other = [], Session(), Session()
    gone = weakref.ref(session)
    with Served().run() as run:
        assert [run(session=session, x=1), run(session=other, x=2)] == [1, 2]
        del session
        gc.collect()
        assert gone() is None
        told.clear()
        assert run(session=other, x=3) == 3
        assert told == ["finish", "teardown", 3]


def test_keys_that_equal_others_are_told_apart_by_value():
    each = tp.Each(Total())
    assert [each(("camera", 1), 1), each(("camera", 1), 1)] == [1, 2]


def test_a_key_that_is_an_object_cannot_be_saved():
    class Named(Session):
        def __repr__(self):
            return "<session 1>"

    session = Named()
    with Keyed([(session, 1)], Total()).run() as run:
        run.pull()
        with pytest.raises(StateError) as error:
            run.state_dict()
    assert str(error.value) == (
        "cannot save each: it has a copy for the key <session 1>, and what is saved can be found "
        "again by text and whole numbers only. Use one of them as the key."
    )


def test_a_cell_that_does_not_say_what_it_remembers_cannot_be_saved():
    class Silent(tp.Cell):
        stateful = True

        def forward(self, x: int) -> int:
            return x

    with Keyed([("a", 1)], Silent()).run() as run, pytest.raises(StateError) as error:
        run.state_dict()
    assert str(error.value) == (
        f"cannot save each: {Silent.__qualname__} is stateful, and does not say what it remembers. "
        "Define state_dict and load_state_dict in it."
    )


def test_the_state_of_other_cells_is_refused():
    before, total = tp.Each(tp.Delay()), tp.Each(Total())
    before("a", 1)
    with pytest.raises(StateError) as error:
        total.load_state_dict(before.state_dict())
    assert str(error.value) == (
        "cannot load Each: it was a copy of Delay for each key, and is one of Total now. Load it "
        "into a pipeline with the same cells."
    )


def test_what_cannot_be_copied_is_an_error():
    cell = Total()
    cell.file = (number for number in [1])
    with pytest.raises(GraphError) as error:
        tp.Each(cell)("a", 1)
    assert str(error.value) == (
        "cannot copy Each for another key: cannot pickle 'generator' object. Make what cannot be "
        "copied in `setup`, which runs in each copy."
    )


class Placed(tp.Pipeline):
    def __init__(self):
        super().__init__()
        self.total = Total()

    def build(self, x):
        return self.total(x)


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        (
            Placed,
            "cannot copy Placed for each key: it is a Placed, which is more than one cell. Write "
            "tp.Each around the cells in it.",
        ),
        (
            lambda: Placed().total,
            "cannot copy total for each key: it belongs to Placed already. Make a second Total.",
        ),
        (
            lambda: tp.Source([1]),
            "cannot copy Source for each key: it is a source, which takes no items. Put the key "
            "beside what it gives.",
        ),
        (
            lambda: tp.Each(Total()),
            "cannot copy Each for each key: it has an input 'key' of its own. Rename that.",
        ),
        (
            lambda: tp.Batch(2),
            "cannot copy Batch for each key: it yields, and what follows would not know for which "
            "key. Give a list instead.",
        ),
        (
            lambda: "text",
            "cannot copy 'text' for each key: it is no cell. Wrap a function: tp.cell(...).",
        ),
    ],
)
def test_what_cannot_have_a_copy_for_each_key_is_refused(cell, why):
    with pytest.raises(GraphError) as error:
        tp.Each(cell())
    assert str(error.value) == why
