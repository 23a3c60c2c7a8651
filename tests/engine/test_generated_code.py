"""The generated functions: straight lines, readable in tracebacks and debuggers."""

from __future__ import annotations

import gc
import inspect
import linecache
import traceback

import pytest

import torchpipe as tp
from tests.engine.made import Add, Fails, Made, Odd, Pass, consume, line, open_line, scaled
from torchpipe.engine.compiler.code import Code, compiled
from torchpipe.engine.item import END, RETIRE, STOP, item_class
from torchpipe.engine.ring import quietly


def test_a_function_knows_which_line_calls_which_cell():
    code = Code("work", "x")
    with code.block("if x:"):
        code.add(f"x = {code.bind('double', lambda x: 2 * x)}(x)", "some.cell")
    code.add_all(["return x"])
    assert code.text == (
        "def work(x, *, double=double):\n    if x:\n        x = double(x)\n    return x\n"
    )
    assert code.calls == {3: "some.cell"}
    assert code.function()(21) == 42


def test_a_function_takes_only_the_objects_that_it_uses():
    code = Code("work")
    code.bind("unused", object())
    code.add("return 1")
    assert code.text == "def work():\n    return 1\n"


def test_equal_texts_are_compiled_once():
    def made():
        code = Code("work", "x")
        code.add("return x")
        return code.function()

    assert made().__code__ is made().__code__


def test_the_text_of_a_generated_function_can_be_read():
    code = Code("work", "x")
    code.add("return x + 17")
    work = code.function()
    assert work.__code__.co_filename.startswith("<torchpipe work ")
    assert linecache.getline(work.__code__.co_filename, 2) == "    return x + 17\n"
    assert inspect.getsource(work) == code.text


def test_the_text_of_a_function_goes_with_it():
    code = Code("work")
    code.add("return 'a text of its own'")
    function = code.function()
    file = function.__code__.co_filename
    compiled.cache_clear()
    gc.collect()
    assert "a text of its own" in "".join(linecache.getlines(file))
    del function
    gc.collect()
    assert file not in linecache.cache


def test_a_traceback_shows_the_generated_line():
    with pytest.raises(ValueError, match="no 2") as caught:
        consume(line(source=tp.Source(range(4)), bad=scaled(Fails(2))))
    text = "".join(traceback.format_exception(caught.value))
    assert 'File "<torchpipe clone ' in text
    assert "in clone\n    item.r" in text


def test_a_chain_is_one_straight_line_of_calls():
    cells = {f"add{number}": Add() for number in range(3)}
    with line(source=tp.Source(range(2)), **cells).run() as run:
        (part,) = run._core.parts.values()
        text = inspect.getsource(part.function)
    timed, others = text.split("else:")
    assert [row.strip() for row in others.splitlines() if "= f" in row] == [
        "v0 = f1(v0)",
        "v0 = f2(v0)",
        "v0 = f3(v0)",
    ]
    assert [row.strip() for row in timed.splitlines() if "context.called" in row] == [
        "context.open_item(t); context.called('source')",
        "context.called('add0')",
        "context.called('add1')",
        "context.called('add2')",
    ]


def test_an_item_is_cleared_for_its_next_number():
    made = item_class(["r0", "r1"], ["done_0"], {"signals_0": 2})
    item = made()
    assert (item.r0, item.r1, item.signals_0) == (None, None, [0, 1])
    assert item.done_0.locked()
    assert not item.free.locked()
    item.r0, item.signals_0 = object(), []
    item.clear()
    assert (item.r0, item.signals_0) == (None, [0, 1])


def test_marks_have_names():
    assert [str(mark) for mark in (END, STOP, RETIRE)] == ["END", "STOP", "RETIRE"]


def test_threads_are_quiet_about_locks_only_once_the_run_stops():
    class Ring:
        stopped = False

    def work():
        raise RuntimeError("release unlocked lock")

    ring = Ring()
    with pytest.raises(RuntimeError):
        quietly(work, ring)()
    ring.stopped = True
    quietly(work, ring)()


def test_an_item_that_is_recycled_while_the_run_stops_stays_marked():
    with line(source=tp.Source(range(2)), add=scaled(Add())).run() as run:
        list(run)
        ring = run._core.rings[0].ring
    item = ring.items[0]
    item.error = END
    ring.recycle(item)
    assert item.error is STOP


# -- calls of all shapes


def test_defaults_constants_and_keywords():
    def shape(a, b=2, c=3, *, d=4, e=5):
        return a, b, c, d, e

    def build(self):
        x = self.source()
        return (
            self.one(x),
            self.two(x, c=x),
            self.three(x, 7, e=x, d=8),
            self.four(1, x),
            self.five(x, e=9),
        )

    for wrap in (lambda cell: cell, scaled):
        cells = {name: wrap(tp.cell(shape)) for name in ("one", "two", "three", "four", "five")}
        assert consume(Made(build, source=tp.Source([0]), **cells)) == [
            ((0, 2, 3, 4, 5), (0, 2, 0, 4, 5), (0, 7, 3, 8, 0), (1, 0, 3, 4, 5), (0, 2, 3, 4, 9))
        ]


def test_an_argument_that_nobody_uses():
    def build(self, x, y):
        return self.add(x)

    for add in (Add(), scaled(Add())):
        with Made(build, add=add).run() as run:
            assert run(1, 2) == 2


def test_a_result_that_is_an_argument_itself():
    def build(self, x, y):
        return x, self.add(y), y

    for add in (Add(), scaled(Add())):
        with Made(build, add=add).run() as run:
            assert run(1, 2) == (1, 3, 2)


def test_a_result_that_a_source_gives_itself():
    def build(self):
        x = self.source()
        self.add(x)
        return x

    for add in (Add(), scaled(Add())):
        assert consume(Made(build, source=tp.Source(range(3)), add=add)) == [0, 1, 2]


def test_only_a_source():
    assert consume(line(source=tp.Source(range(3)))) == [0, 1, 2]


def test_the_same_value_twice():
    def build(self):
        x = self.add(self.source())
        return x, self.both(x, x), x

    for add in (Add(), scaled(Add())):
        cells = {"add": add, "both": scaled(lambda a, b: a + b)}
        assert consume(Made(build, source=tp.Source([1]), **cells)) == [(2, 4, 2)]


def test_cells_that_give_nothing():
    seen = []

    def sink(x) -> None:
        seen.append(x)

    def build(self):
        x = self.source()
        self.one(x)
        self.two(self.odd(x))
        return x

    cells = {"one": tp.cell(sink), "two": scaled(sink, 1), "odd": Odd()}
    assert consume(Made(build, source=tp.Source(range(3)), **cells)) == [0, 1, 2]
    assert sorted(seen) == [0, 1, 1, 2]


def test_a_scaled_pipeline_in_a_feedback_loop_runs_item_by_item():
    def build(self):
        y = self.inner(self.sum(self.source(), self.before()))
        self.before.connect(y)
        return y

    cells = {"before": tp.Feedback(0), "sum": tp.cell(lambda a, b: a + b)}
    cells["inner"] = scaled(open_line(add=Add(), same=Pass()), 1)
    assert consume(Made(build, source=tp.Source([1, 2, 3]), **cells)) == [2, 5, 9]


def test_a_generator_and_a_filter_inside_a_scaled_pipeline():
    inner = open_line(spread=tp.Unbatch(range), odd=Odd(), add=Add())
    pipeline = line(source=tp.Source(range(6)), inner=scaled(inner))
    assert consume(pipeline) == [x + 1 for n in range(6) for x in range(n) if x % 2]


def test_a_sink_inside_a_scaled_pipeline_after_a_generator():
    seen = []

    def build(self, x):
        self.sink(self.spread(x))
        return self.add(x)

    def sink(x) -> None:
        seen.append(x)

    inner = Made(build, spread=tp.Unbatch(range), sink=tp.cell(sink), add=Add())
    assert consume(line(source=tp.Source(range(4)), inner=scaled(inner))) == [1, 2, 3, 4]
    assert sorted(seen) == [0, 0, 0, 1, 1, 2]


def test_several_outputs_of_a_scaled_pipeline():
    def build(self, x):
        return {"one": self.add(x), "two": self.add_2(x)}

    def outer(self):
        both = self.inner(self.source())
        return self.sum(both["one"], both["two"])

    inner = scaled(Made(build, add=Add(), add_2=Add()))
    cells = {"inner": inner, "sum": tp.cell(lambda a, b: (a, b))}
    assert consume(Made(outer, source=tp.Source([1]), **cells)) == [(2, 2)]


def test_deeply_nested_pipelines():
    pipeline = open_line(add=Add())
    for _ in range(5):
        pipeline = open_line(inner=pipeline, add=Add())
    with line(source=tp.Source(range(3)), top=scaled(pipeline)).run() as run:
        assert list(run) == [6, 7, 8]
