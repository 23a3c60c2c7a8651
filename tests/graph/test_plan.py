"""The plan: regions, stages, who waits for whom, and the default window."""

from collections.abc import Iterator

import pytest

import torchpipe as tp
from tests.graph.made import Camera, Detect, Draw, Inner, Split, Track, made, one, two
from torchpipe.graph.flat import FlatGraph, leaves
from torchpipe.graph.plan import Plan

ONE, TWO = tp.cell(one), tp.cell(two)


def scaled(cell=None, clones=2):
    return tp.ScaleUp(tp.cell(one) if cell is None else cell, clones)


def paths(nodes):
    return " ".join(node.path for node in nodes)


def shown(pipeline):
    """Each region's stages as text: serial ones first, then parallel ones."""
    lines = []
    for region in Plan(pipeline).regions:
        lines.append(f"region of {region.region}")
        for stage in region.serial:
            text = f"{stage.level}: {paths(stage.nodes) or '-'}"
            awaits, feeds = (paths(p.node for p in side) for side in (stage.awaits, stage.feeds))
            text += f", awaits {awaits}" if awaits else ""
            lines.append(text + (f", feeds {feeds}" if feeds else ""))
        for stage in region.parallel:
            text = f"{stage.level}: {stage.node.path} x{len(stage.node.clones)}"
            text += ", in order" if stage.ordered else ""
            text += f", after {paths(p.node for p in stage.parents)}" if stage.parents else ""
            lines.append(text + f", signals {stage.signals}")
    return lines


def test_without_clones_all_cells_are_one_stage():
    pipeline = made(lambda self: ONE(ONE(Camera()())))
    assert shown(pipeline) == ["region of camera", "0: camera one one_2"]
    plan = Plan(pipeline)
    assert (plan.is_scaled, plan.one_to_one, plan.default_window) == (False, True, 64)


def test_a_scaled_up_cell_lies_between_two_stages():
    pipeline = made(lambda self: self.track(self.a(Camera()())), a=scaled(), track=ONE)
    assert shown(pipeline) == [
        "region of camera",
        "0: camera, feeds a",
        "1: track, awaits a",
        "0: a x2, signals 1",
    ]
    assert Plan(pipeline).is_scaled


def test_clones_in_a_row_hand_over_to_each_other():
    pipeline = made(lambda self, x: self.b(self.a(x)), a=scaled(), b=scaled(clones=3))
    assert shown(pipeline) == [
        "region of the inputs",
        "0: inputs, feeds a",
        "2: -, awaits a b",
        "0: a x2, signals 1",
        "1: b x3, after a, signals 1",
    ]


def test_cells_run_as_late_as_they_can():
    def build(self):
        frame = self.camera()
        early, late = self.early(frame), self.late(frame)
        found = self.a(early)
        middle = self.middle(found)
        return TWO(self.b(middle), late)

    cells = {"camera": Camera(), "a": scaled(), "b": scaled()}
    functions = {"late": tp.cell(one), "early": tp.cell(one), "middle": tp.cell(one)}
    assert shown(made(build, **functions, **cells)) == [
        "region of camera",
        "0: camera early, feeds a",
        "1: middle, awaits a, feeds b",
        "2: late two, awaits b",
        "0: a x2, signals 1",
        "1: b x2, signals 1",
    ]


def test_branches_work_on_the_same_item_at_once():
    def build(self, x):
        return self.c(self.a(x), self.b(x))

    pipeline = made(build, a=scaled(), b=scaled(), c=scaled(tp.cell(two)))
    assert shown(pipeline) == [
        "region of the inputs",
        "0: inputs, feeds a b",
        "2: -, awaits a b c",
        "0: a x2, signals 1",
        "0: b x2, signals 1",
        "1: c x2, after a b, signals 2",
    ]


def test_a_join_waits_for_cells_and_clones():
    def build(self, x):
        a = self.a(x)
        return self.b(a, self.middle(a), x)

    three = tp.cell(lambda a, b, c: a)
    pipeline = made(build, a=scaled(), middle=tp.cell(one), b=scaled(three))
    assert shown(pipeline) == [
        "region of the inputs",
        "0: inputs, feeds a",
        "1: middle, awaits a, feeds b",
        "2: -, awaits b",
        "0: a x2, signals 1",
        "1: b x2, after a, signals 2",
    ]


@pytest.mark.parametrize("cell", [Track(), Inner(Track())])
def test_one_stateful_clone_gets_the_items_in_order(cell):
    pipeline = made(lambda self, x: self.b(self.a(x)), a=scaled(), b=scaled(cell, 1))
    assert shown(pipeline) == [
        "region of the inputs",
        "0: inputs, feeds a",
        "1: -, awaits a, feeds b",
        "2: -, awaits b",
        "0: a x2, signals 1",
        "1: b x1, in order, signals 1",
    ]


def test_clones_that_need_nothing_are_fed_by_the_head():
    default = tp.cell(lambda x=1: x)
    pipeline = made(lambda self, x: (x, self.a()), a=scaled(default))
    assert shown(pipeline)[1:] == ["0: inputs, feeds a", "1: -, awaits a", "0: a x2, signals 1"]


def test_a_batching_cell_has_a_clone_of_its_own():
    cell = Detect()
    cell.batching = tp.Batching(4)
    pipeline = made(lambda self, x: self.a(x).boxes, a=cell)
    assert shown(pipeline)[-1] == "0: a x1, signals 1"
    cell = Detect()
    cell.batching = tp.Batching(4)
    pipeline = made(lambda self, x: self.a(x).boxes, a=scaled(cell, 3))
    assert shown(pipeline)[-1] == "0: a x3, signals 1"


def loop(self, x):
    total = self.add(self.a(x), self.total())
    self.total.connect(total)
    return self.b(total)


def test_a_loop_is_one_stage():
    cells = {"total": tp.Feedback(0), "add": tp.cell(two), "a": scaled(), "b": scaled()}
    assert shown(made(loop, **cells)) == [
        "region of the inputs",
        "0: inputs, feeds a",
        "1: total add, awaits a, feeds b",
        "2: -, awaits b",
        "0: a x2, signals 1",
        "1: b x2, signals 1",
    ]


def test_only_the_feedback_of_a_loop_is_recurrent():
    cells = {"total": tp.Feedback(0), "add": tp.cell(two), "a": scaled(), "b": scaled()}
    plan = Plan(made(loop, **cells))
    recurrent = [node for node in plan.graph.nodes if plan.numbering.is_recurrent(node)]
    assert paths(recurrent) == "total"


def test_clones_in_a_loop_run_item_by_item():
    cells = {"total": tp.Feedback(0), "add": scaled(tp.cell(two)), "a": scaled(), "b": scaled()}
    plan = Plan(made(loop, **cells))
    assert [stage.node.path for stage in plan.regions[0].parallel] == ["a", "b"]
    assert paths(plan.regions[0].serial[1].nodes) == "total add"


def test_a_loop_waits_for_all_that_its_cells_need():
    def build(self, x):
        prev = self.prev()
        early = self.early(x, prev)
        late = self.late(early, self.a(x))
        self.prev.connect(late)
        return late

    cells = {"late": tp.cell(two), "early": tp.cell(two), "prev": tp.Feedback(0), "a": scaled()}
    assert shown(made(build, **cells))[1:3] == [
        "0: inputs, feeds a",
        "1: prev early late, awaits a",
    ]


def test_feedback_outside_of_a_loop_is_a_delay():
    def build(self, x):
        self.prev.connect(x)
        return self.prev()

    plan = Plan(made(build, prev=tp.Feedback(0)))
    node = plan.graph.nodes[1]
    assert node.is_feedback
    assert not plan.numbering.is_recurrent(node)
    assert plan.regions[0].parents(node) == [plan.graph.nodes[0]]


def test_feedback_of_itself_is_recurrent():
    def build(self, x):
        self.prev.connect(self.prev())
        return x

    plan = Plan(made(build, prev=tp.Feedback(0)))
    node = plan.graph.nodes[1]
    assert plan.numbering.is_recurrent(node)
    assert plan.regions[0].parents(node) == []


def test_a_cell_that_yields_starts_a_region():
    def build(self):
        frame = self.camera()
        self.sink(frame)
        return self.a(self.split(frame))

    cells = {"camera": Camera(), "split": Split(), "sink": tp.cell(one), "a": scaled()}
    pipeline = made(build, **cells)
    assert shown(pipeline) == [
        "region of camera",
        "0: camera split sink",
        "region of split",
        "0: -, feeds a",
        "1: -, awaits a",
        "0: a x2, signals 1",
    ]
    plan = Plan(pipeline)
    assert [str(region.region) for region in plan.way] == ["camera", "split"]
    assert (plan.one_to_one, plan.is_scaled) == (False, True)
    assert paths(plan.regions[0].starts) == "split"


def test_regions_beside_the_way_are_not_on_it():
    def build(self):
        frame = self.camera()
        self.sink(self.split(frame))
        return frame

    pipeline = made(build, camera=Camera(), split=Split(), sink=tp.cell(one))
    assert [str(region.region) for region in Plan(pipeline).way] == ["camera"]


def test_without_results_the_way_is_the_first_region():
    pipeline = made(lambda self: self.sink(Split()(Camera()())), sink=tp.cell(nothing))
    plan = Plan(pipeline)
    assert [str(region.region) for region in plan.way] == ["camera"]
    assert plan.graph.results == []


def test_several_sources_number_items_together():
    pipeline = made(lambda self, x: (x, self.a(), self.b()), a=Camera(), b=Camera())
    assert shown(pipeline) == ["region of the inputs and a and b", "0: inputs a b"]


def test_a_scaled_up_cell_that_yields_gives_a_list_to_take_apart():
    pipeline = made(lambda self, x: ONE(self.a(x)), a=scaled(Split()))
    assert shown(pipeline) == [
        "region of the inputs",
        "0: inputs, feeds a",
        "1: a, awaits a",
        "0: a x2, signals 1",
        "region of a",
        "0: one",
    ]
    graph = FlatGraph(pipeline)
    assert [(node.path, node.bundled, node.emits_many) for node in graph.nodes[1:]] == [
        ("a", True, False),
        ("one", False, False),
        ("a", False, True),
    ]
    assert list(graph.nodes[-1].cell.forward([1, 2])) == [1, 2]


def nothing(x) -> None: ...


def pairs(x) -> Iterator[int]:
    yield x


def test_a_scaled_up_pipeline_that_yields_is_taken_apart_too():
    inner = made(lambda self, x: (ONE(self.split(x)), self.split.outputs.out), split=tp.cell(pairs))
    pipeline = made(lambda self, x: self.a(x), a=scaled(inner))
    assert shown(pipeline)[-2:] == ["region of a", "0: -"]
    graph = FlatGraph(pipeline)
    assert [(value.node, value.index) for value in graph.results] == [
        (graph.nodes[-1], 0),
        (graph.nodes[-1], 1),
    ]


def test_results_beside_those_that_are_taken_apart_stay():
    pipeline = made(
        lambda self, x: (self.b(self.a(x)), self.a.outputs.out), a=scaled(Split()), b=tp.cell(one)
    )
    graph = FlatGraph(pipeline)
    assert [value.node for value in graph.results] == [graph.nodes[2], graph.nodes[3]]


@pytest.mark.parametrize(("clones", "window"), [(1, 64), (8, 64), (9, 72), (16, 128)])
def test_the_default_window_is_eight_for_each_clone_and_at_least_64(clones, window):
    pipeline = made(lambda self, x: self.b(self.a(x)), a=scaled(clones=clones), b=scaled())
    assert Plan(pipeline).default_window == window


def test_with_clones_in_other_processes_the_default_window_is_at_least_128():
    clones = [tp.ThreadClone(), tp.RayClone()]
    pipeline = made(lambda self, x: self.a(x), a=scaled(clones=clones))
    assert Plan(pipeline).default_window == 128


def test_a_pipeline_may_name_its_own_window():
    pipeline = made(lambda self, x: self.a(x), a=scaled(clones=16))
    pipeline.window = 5
    assert Plan(pipeline).default_window == 5


def test_a_scaled_up_pipeline_that_yields_only_beside_its_results_gives_one():
    def build(self, x):
        self.sink(self.split(x))
        return self.keep(x)

    inner = made(build, split=Split(), sink=tp.cell(nothing), keep=tp.cell(one))
    pipeline = made(lambda self, x: self.a(x), a=scaled(inner))
    assert [node.bundled for node in FlatGraph(pipeline).nodes] == [False, False]


def test_the_flat_graph_follows_values_through_nested_pipelines():
    inner = made(lambda self, x, y=5: TWO(x, y))
    outer = made(lambda self, x: self.inner(x), inner=inner)
    graph = FlatGraph(made(lambda self, z: (self.outer(z), self.b(1)), outer=outer, b=tp.cell(one)))
    entry, node, last = graph.nodes
    assert (entry.path, str(entry), entry.cell) == ("inputs", "the inputs", None)
    assert (node.path, str(node), repr(node)) == (
        "outer.inner.two",
        "outer.inner.two",
        "<Node outer.inner.two>",
    )
    assert node.parents == [entry]
    assert [str(argument.source) for argument in node.arguments[1:]] == ["the constant 5"]
    assert [argument.source.value for argument in last.arguments] == [1]
    assert not last.arguments[0].left_out
    assert [value.node for value in graph.results] == [node, last]


def test_what_is_connected_comes_before_the_default_of_a_nested_pipeline():
    inner = made(lambda self, x, y=5: TWO(x, y))
    graph = FlatGraph(made(lambda self, x: self.inner(x, x), inner=inner))
    assert graph.nodes[-1].parents == [graph.entry, graph.entry]


def test_defaults_are_left_to_the_function():
    graph = FlatGraph(made(lambda self, image, boxes: self.draw(image, boxes), draw=Draw()))
    assert [argument.left_out for argument in graph.nodes[-1].arguments] == [False, False, True]
    graph = FlatGraph(made(lambda self, image: self.draw(image, width=3), draw=Draw()))
    assert [argument.left_out for argument in graph.nodes[-1].arguments] == [False, False, False]


def test_leaves_are_all_cells_inside():
    cell = made(lambda self, x: Inner(scaled(Inner(Track())))(x))
    assert [leaf.path for leaf in leaves(cell)] == ["inner.cell.cell"]
    assert list(leaves(None)) == []
