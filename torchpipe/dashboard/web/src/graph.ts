// The graph: cards for cells, boxes for nested pipelines, lines for connections.

import { Card, Folded, type Shown } from "./card";
import { announce, attribute, h, svg, text } from "./dom";
import { count, percent } from "./format";
import { curve, type Edge, groups, layout, merged, standsFor } from "./layout";
import { type Drawing, limiting, type Moment, nameOf, type Stage, stages } from "./model";

const NARROW = 720;
const SMALLEST = 0.62;

export class Graph {
  readonly element = h("section", { class: "graph", "aria-label": "Graph" });
  private readonly stage = h("div", { class: "stage" });
  private readonly board = h("div", { class: "board" });
  private cards = new Map<string, Shown>();
  private lines: { edge: Edge; line: SVGElement; label: HTMLElement }[] = [];
  private folded = new Set<string>();
  private drawing?: Drawing;
  private moment?: Moment;
  private selected = "";
  private down = false;

  constructor(
    private readonly select: (path: string) => void,
    private readonly failed: (why: string) => void,
  ) {
    this.stage.append(this.board);
    this.element.append(this.stage, legend());
    new ResizeObserver(() => this.fit()).observe(this.element);
  }

  draw(drawing: Drawing) {
    this.drawing = drawing;
    this.redraw();
  }

  show(moment: Moment) {
    this.moment = moment;
    const of = stages(moment);
    const limits = limiting(moment.verdict);
    for (const card of this.cards.values()) card.show(moment, of, limits);
    for (const line of this.lines) fill(line, moment, of);
  }

  mark(path: string) {
    this.selected = path;
    for (const [known, card] of this.cards) attribute(card.element, "data-selected", known === path ? "true" : null);
  }

  private redraw() {
    if (!this.drawing) return;
    const drawing = this.drawing;
    this.cards = new Map();
    for (const cell of drawing.cells) {
      const path = standsFor(cell.path, this.folded);
      if (path === cell.path) this.cards.set(path, new Card(cell, this.select, this.failed));
      else if (!this.cards.has(path)) this.cards.set(path, this.foldedCard(path));
    }
    this.place();
    this.mark(this.selected);
    if (this.moment) this.show(this.moment);
  }

  private foldedCard(group: string): Folded {
    const inside = this.drawing!.cells.map((cell) => cell.path).filter((path) => path.startsWith(`${group}.`));
    return new Folded(group, inside, () => this.fold(group, false));
  }

  private fold(group: string, folds: boolean) {
    if (folds) this.folded.add(group);
    else this.folded.delete(group);
    this.redraw();
    this.element.querySelector<HTMLElement>(`[data-group="${CSS.escape(group)}"], [data-path="${CSS.escape(group)}"] .fold`)?.focus();
    announce(`${group} is ${folds ? "folded" : "unfolded"}`);
  }

  private place() {
    const edges = merged(this.drawing!.connections, this.folded);
    const open = groups(this.cards.keys());
    this.down = this.element.clientWidth < NARROW;
    const found = layout(this.cards, edges, open, this.down);
    this.board.replaceChildren();
    for (const [group, box] of found.groups) {
      const fold = h(
        "button",
        { type: "button", class: "fold", "data-group": group, "aria-expanded": "true", onclick: () => this.fold(group, true) },
        nameOf(group),
      );
      this.board.append(at(h("div", { class: "group" }, fold), box));
    }
    this.board.append(this.connections(found.edges, found.width, found.height));
    for (const [path, card] of this.cards) this.board.append(at(card.element, found.nodes.get(path)!));
    this.board.append(...this.lines.map(({ label }) => label));
    this.board.style.width = `${found.width}px`;
    this.board.style.height = `${found.height}px`;
    this.fit();
  }

  private connections(edges: Edge[], width: number, height: number): SVGElement {
    const marker = svg(
      "marker",
      { id: "arrow", viewBox: "0 0 8 8", refX: 7, refY: 4, markerWidth: 7, markerHeight: 7, orient: "auto-start-reverse", markerUnits: "userSpaceOnUse" },
      svg("path", { d: "M0,0.6 L7.4,4 L0,7.4 Z", class: "tip" }),
    );
    this.lines = edges.map((edge) => {
      const line = svg("path", { d: curve(edge.points, this.down), class: edge.feedback ? "line feedback" : "line", "marker-end": "url(#arrow)" });
      const path = line as SVGPathElement;
      const middle = path.getPointAtLength(Math.max(path.getTotalLength() / 2, path.getTotalLength() - 38));
      const label = h("span", { class: "fill", hidden: true });
      label.style.left = `${middle.x}px`;
      label.style.top = `${middle.y}px`;
      return { edge, line, label };
    });
    const lines = this.lines.map(({ line }) => line);
    return svg("svg", { width, height, "aria-hidden": "true" }, svg("defs", {}, marker), ...lines);
  }

  /** As large as it fits; where that would be too small to read, it scrolls. */
  private fit() {
    if (!this.drawing || !this.board.style.width) return;
    if (this.element.clientWidth < NARROW !== this.down) return this.redraw();
    const [width, height] = [parseFloat(this.board.style.width), parseFloat(this.board.style.height)];
    const room = this.stage.clientWidth;
    const size = Math.max(SMALLEST, Math.min(1, room / width));
    this.board.style.transform = `scale(${size})`;
    this.board.style.marginLeft = `${Math.max(0, (room - width * size) / 2)}px`;
    this.stage.style.height = `${height * size + 4}px`;
    const scrolls = width * size > room + 1;
    attribute(this.stage, "tabindex", scrolls ? "0" : null);
    attribute(this.stage, "role", scrolls ? "region" : null);
    attribute(this.stage, "aria-label", scrolls ? "Graph, scrolls" : null);
  }
}

function at<T extends HTMLElement>(element: T, box: { x: number; y: number; width: number; height: number }): T {
  Object.assign(element.style, {
    left: `${box.x}px`,
    top: `${box.y}px`,
    width: `${box.width}px`,
    height: `${box.height}px`,
  });
  return element;
}

/** How full a connection is: what waits at its end, of all that may be inside. */
function fill({ edge, line, label }: { edge: Edge; line: SVGElement; label: HTMLElement }, moment: Moment, of: Map<string, Stage>) {
  const ends = edge.targets.map((path) => of.get(path));
  const waiting = Math.max(0, ...ends.map((stage) => stage?.queue ?? 0));
  const part = Math.min(1, waiting / moment.window);
  const level = waiting === 0 ? "empty" : part < 0.34 ? "low" : part < 0.67 ? "half" : "full";
  attribute(line, "data-fill", level);
  line.style.strokeWidth = `${(1.4 + 2.6 * part).toFixed(1)}px`;
  const shows = waiting > 0 && ends.some((stage) => stage !== undefined && stage !== of.get(edge.from));
  if (label.hidden === shows) label.hidden = !shows;
  if (!shows) return;
  text(label, count(waiting));
  attribute(label, "data-fill", level);
  attribute(label, "title", `${edge.key} (${edge.names.join(", ")}): ${waiting} wait, ${percent(part)} of the window`);
}

function legend(): HTMLElement {
  const key = (name: string, says: string) => h("span", { class: "key" }, h("i", { class: name }), says);
  return h(
    "p",
    { class: "legend" },
    key("busy", "busy"),
    key("blocked", "blocked: no room after it"),
    key("starved", "starved: nothing to do"),
    h("span", { class: "key" }, h("b", { class: "fill", "data-fill": "half" }, "5"), "items that wait"),
  );
}
