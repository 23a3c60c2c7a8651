"""Drawings, whole."""

import torchpipe as tp
from tests.graph.made import Camera, Detect, Draw, Inner, Split, Track, made, one, two


def tracking(self):
    frame = self.camera()
    boxes, _ = self.find["left"](frame)
    tracks = self.inner(boxes, self.prev())
    self.prev.connect(tracks)
    return self.draw(frame, tracks)


def pipeline():
    nested = made(lambda self, a, b: self.deep(self.mix(a, b)), mix=tp.cell(two), deep=Inner())
    detect = Detect()
    detect.level = 0.7
    return made(
        tracking,
        camera=Camera(),
        find={"left": tp.ScaleUp(detect, 3)},
        inner=nested,
        prev=tp.Feedback(0),
        draw=Draw(),
    )


def test_the_tree_is_indented_as_that_of_a_module():
    assert str(pipeline()) == (
        "Line(\n"
        "  (camera): Camera()\n"
        "  (find.left): ScaleUp(Detect(level=0.7), clones=3)\n"
        "  (inner): Line(\n"
        "    (mix): cell(two)\n"
        "    (deep): Inner(\n"
        "      (cell): cell(one)\n"
        "    )\n"
        "  )\n"
        "  (prev): Feedback(initial=0)\n"
        "  (draw): Draw()\n"
        ")"
    )


def test_the_tree_of_a_scaled_up_pipeline():
    assert str(made(lambda self: None, a=tp.ScaleUp(Inner(), 2))) == (
        "Line(\n  (a): ScaleUp(clones=2, Inner(\n    (cell): cell(one)\n  ))\n)"
    )


def test_the_tree_of_an_empty_pipeline():
    assert str(made(lambda self: None)) == "Line()"


def test_mermaid():
    assert pipeline().to_mermaid() == (
        "flowchart LR\n"
        '  n0(["camera : Camera"])\n'
        '  n4["prev : Feedback"]\n'
        '  n5["draw : Draw"]\n'
        '  subgraph g0["find"]\n'
        '    n1[["left : Detect x3"]]\n'
        "  end\n"
        '  subgraph g1["inner"]\n'
        '    n2["mix : FunctionCell"]\n'
        '    subgraph g2["deep"]\n'
        '      n3["cell : FunctionCell"]\n'
        "    end\n"
        "  end\n"
        "  n0 -->|out| n1\n"
        "  n1 -->|boxes| n2\n"
        "  n4 -->|out| n2\n"
        "  n2 -->|out| n3\n"
        "  n3 -.->|out| n4\n"
        "  n0 -->|out| n5\n"
        "  n3 -->|out| n5\n"
    )


def test_dot():
    assert pipeline().to_dot() == (
        "digraph {\n"
        "  rankdir=LR;\n"
        '  n0 [shape=ellipse, label="camera : Camera"];\n'
        '  n4 [shape=box, label="prev : Feedback"];\n'
        '  n5 [shape=box, label="draw : Draw"];\n'
        '  subgraph cluster_g0 { label="find";\n'
        '    n1 [shape=box3d, label="left : Detect x3"];\n'
        "  }\n"
        '  subgraph cluster_g1 { label="inner";\n'
        '    n2 [shape=box, label="mix : FunctionCell"];\n'
        '    subgraph cluster_g2 { label="deep";\n'
        '      n3 [shape=box, label="cell : FunctionCell"];\n'
        "    }\n"
        "  }\n"
        '  n0 -> n1 [label="out"];\n'
        '  n1 -> n2 [label="boxes"];\n'
        '  n4 -> n2 [label="out"];\n'
        '  n2 -> n3 [label="out"];\n'
        '  n3 -> n4 [label="out", style=dashed];\n'
        '  n0 -> n5 [label="out"];\n'
        '  n3 -> n5 [label="out"];\n'
        "}\n"
    )


def test_an_open_pipeline_starts_with_its_inputs():
    assert made(lambda self, frame: self.a(frame), a=Track()).to_mermaid() == (
        'flowchart LR\n  n0(["inputs"])\n  n1["a : Track"]\n  n0 -->|frame| n1\n'
    )


def test_a_scaled_up_cell_that_yields_is_one_node():
    cells = {"a": tp.ScaleUp(Split(), 2), "b": tp.cell(one)}
    assert made(lambda self, frame: self.b(self.a(frame)), **cells).to_mermaid() == (
        "flowchart LR\n"
        '  n0(["inputs"])\n'
        '  n1[["a : Split x2"]]\n'
        '  n2["b : FunctionCell"]\n'
        "  n0 -->|frame| n1\n"
        "  n1 -->|out| n2\n"
    )


def test_quotes_in_names_are_escaped():
    cells = {"heads": {'"a"': tp.cell(one)}}
    drawn = made(lambda self, x: self.heads['"a"'](x), **cells)
    assert 'n1["#quot;a#quot; : FunctionCell"]' in drawn.to_mermaid()
    assert r'n1 [shape=box, label="\"a\" : FunctionCell"];' in drawn.to_dot()


def test_groups_that_are_left_and_entered_again():
    def build(self, x):
        return self.a["x"]["z"](self.a["x"]["y"](self.a["w"](x)))

    cells = {"w": tp.cell(one), "x": {"y": tp.cell(one), "z": tp.cell(one)}}
    drawn = made(build, a=cells, b=[tp.cell(one)]).to_mermaid()
    assert [line.strip() for line in drawn.splitlines() if "subgraph" in line or "end" in line] == [
        'subgraph g0["a"]',
        'subgraph g1["x"]',
        "end",
        "end",
        'subgraph g2["b"]',
        "end",
    ]


def test_a_pipeline_displays_itself_in_jupyter():
    shown = pipeline()
    assert shown._repr_mimebundle_(include=None, exclude=None) == {
        "text/vnd.mermaid": shown.to_mermaid(),
        "text/plain": str(shown),
    }
