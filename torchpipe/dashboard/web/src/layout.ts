// Where everything goes: dagre, with nested pipelines as boxes around their cells.

import dagre from "@dagrejs/dagre";
import { type Connection, groupOf } from "./model";

export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Edge {
  key: string;
  from: string;
  to: string;
  names: string[];
  feedback: boolean;
  targets: string[];
  points: { x: number; y: number }[];
}

export interface Layout {
  width: number;
  height: number;
  nodes: Map<string, Box>;
  groups: Map<string, Box>;
  edges: Edge[];
}

const MARGIN = 14;

type Laid = InstanceType<typeof dagre.graphlib.Graph>;
export type Sizes = Map<string, { width: number; height: number }>;

/** Every nested pipeline around these cells, the outermost first. */
export function groups(paths: Iterable<string>): string[] {
  const found = new Set<string>();
  for (const path of paths) for (let group = groupOf(path); group; group = groupOf(group)) found.add(group);
  return [...found].sort();
}

/** Who stands for a cell: the outermost folded pipeline around it, or itself. */
export function standsFor(path: string, folded: Set<string>): string {
  const parts = path.split(".");
  for (let depth = 1; depth < parts.length; depth++) {
    const group = parts.slice(0, depth).join(".");
    if (folded.has(group)) return group;
  }
  return path;
}

/** The connections between those who are shown; several between two become one. */
export function merged(connections: Connection[], folded: Set<string>): Edge[] {
  const found = new Map<string, Edge>();
  for (const { from, to, name, feedback } of connections) {
    const [start, end] = [standsFor(from, folded), standsFor(to, folded)];
    if (start === end) continue;
    const key = `${start} → ${end}`;
    const edge = found.get(key) ?? { key, from: start, to: end, names: [], targets: [], feedback, points: [] };
    edge.names.push(name);
    edge.targets.push(to);
    found.set(key, edge);
  }
  return [...found.values()];
}

export function layout(sizes: Sizes, edges: Edge[], open: string[], down: boolean): Layout {
  const graph = new dagre.graphlib.Graph({ compound: true });
  graph.setGraph({ rankdir: down ? "TB" : "LR", nodesep: 22, ranksep: down ? 44 : 58 });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const group of open) graph.setNode(group, {});
  for (const [path, size] of sizes) graph.setNode(path, { ...size });
  for (const path of [...open, ...sizes.keys()]) {
    const parent = groupOf(path);
    if (open.includes(parent)) graph.setParent(path, parent);
  }
  for (const edge of edges)
    edge.feedback ? graph.setEdge(edge.to, edge.from, { weight: 0 }) : graph.setEdge(edge.from, edge.to);
  dagre.layout(graph);
  return placed(graph, sizes, edges, open, down);
}

function placed(graph: Laid, sizes: Sizes, edges: Edge[], open: string[], down: boolean): Layout {
  const box = (path: string): Box => {
    const { x, y, width, height } = graph.node(path) as Box;
    return { x: x - width / 2, y: y - height / 2, width, height };
  };
  for (const edge of edges) {
    const found = edge.feedback ? graph.edge(edge.to, edge.from) : graph.edge(edge.from, edge.to);
    const { points } = found as Edge;
    edge.points = edge.feedback ? [...points].reverse() : joined(box(edge.from), points, box(edge.to), down);
  }
  const nodes = new Map([...sizes.keys()].map((path) => [path, box(path)]));
  return whole({ width: 0, height: 0, nodes, groups: new Map(open.map((path) => [path, box(path)])), edges });
}

/** The layout, moved and sized so that all of it can be seen: dagre leaves lines out, which may go around boxes. */
function whole(layout: Layout): Layout {
  const boxes = [...layout.nodes.values(), ...layout.groups.values()];
  const points = layout.edges.flatMap((edge) => edge.points);
  const left = Math.min(...boxes.map((box) => box.x), ...points.map((point) => point.x)) - MARGIN;
  const top = Math.min(...boxes.map((box) => box.y), ...points.map((point) => point.y)) - MARGIN;
  for (const place of [...boxes, ...points]) [place.x, place.y] = [place.x - left, place.y - top];
  layout.width = Math.max(...boxes.map((box) => box.x + box.width), ...points.map((point) => point.x)) + MARGIN;
  layout.height = Math.max(...boxes.map((box) => box.y + box.height), ...points.map((point) => point.y)) + MARGIN;
  return layout;
}

/** The points of a line that leaves one box in its middle, and arrives at the middle of another. */
function joined(from: Box, points: { x: number; y: number }[], to: Box, down: boolean): { x: number; y: number }[] {
  const start = down ? { x: from.x + from.width / 2, y: from.y + from.height } : { x: from.x + from.width, y: from.y + from.height / 2 };
  const end = down ? { x: to.x + to.width / 2, y: to.y - 2 } : { x: to.x - 2, y: to.y + to.height / 2 };
  const inner = points.slice(1, -1).filter((point) => (down ? point.y > start.y && point.y < end.y : point.x > start.x && point.x < end.x));
  return [start, ...(points.length > 3 ? inner : []), end];
}

/** A smooth line through the points, which leaves and arrives in the direction of the layout. */
export function curve([first, ...others]: { x: number; y: number }[], down: boolean): string {
  let at = first;
  let path = `M${at.x},${at.y}`;
  for (const next of others) {
    const [x, y] = [(at.x + next.x) / 2, (at.y + next.y) / 2];
    path += down ? ` C${at.x},${y} ${next.x},${y} ${next.x},${next.y}` : ` C${x},${at.y} ${x},${next.y} ${next.x},${next.y}`;
    at = next;
  }
  return path;
}
