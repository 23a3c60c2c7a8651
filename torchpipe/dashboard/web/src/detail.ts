// Everything about one cell.

import { StateBar, STATES } from "./bar";
import { Chart } from "./charts";
import { Clones } from "./clones";
import { attribute, h, scrolls, text } from "./dom";
import { bytes, count, percent, plural, rate, seconds } from "./format";
import { type Cell, type Clone, type Moment, nameOf, type Past, type Stage, stages } from "./model";
import { Output } from "./output";
import { ParameterField } from "./parameter";

const FIGURES = ["rate", "items", "mean time", "median", "99th percentile", "waiting"] as const;
const HEADS = ["clone", "rate", "time", "CPU", "GPU", "memory", "states"];
const COLORS = { busy: "--busy", blocked: "--blocked", starved: "--starved" };

export class Detail {
  readonly element = h("section", { class: "detail panel", id: "detail", tabindex: "-1", "aria-label": "Cell" });
  private cell?: Cell;
  private parts: ((moment: Moment, stage: Stage | undefined) => void)[] = [];
  private chart?: Chart;
  private output?: Output;
  private last?: Moment;
  private history: Past[] = [];

  constructor(private readonly failed: (why: string) => void) {
    this.element.append(h("p", { class: "nothing" }, "Select a cell of the graph."));
  }

  get path() {
    return this.cell?.path;
  }

  select(cell: Cell) {
    this.cell = cell;
    this.parts = [];
    this.output?.close();
    this.output = cell.outputs.length ? new Output(cell.path) : undefined;
    this.element.setAttribute("aria-label", `Cell ${cell.path}`);
    this.element.replaceChildren(
      this.heading(cell),
      ...(cell.role === "results" ? [] : [this.figures(), this.states(), this.shares()]),
      ...(cell.role === "scaled" ? [this.clones(cell)] : []),
      ...(cell.parameters.length ? [this.parameters(cell)] : []),
      ...(this.output ? [this.output.element] : []),
      ...(cell.configs.length ? [configs(cell)] : []),
      ports(cell),
    );
    for (const moment of this.history) this.draw(moment);
    if (this.last) this.update(this.last);
  }

  show(moment: Moment) {
    this.last = moment;
    this.recall(moment);
    this.update(moment);
  }

  /** What charts show of a moment, which may be long ago. */
  recall(moment: Past) {
    this.history.push(moment);
    if (this.history.length > 600) this.history.shift();
    this.draw(moment);
  }

  forget() {
    this.history = [];
    this.chart?.clear();
  }

  private update(moment: Moment) {
    const stage = this.cell && stages(moment).get(this.cell.path);
    for (const part of this.parts) part(moment, stage);
  }

  private draw(moment: Past) {
    const stage = this.cell && stages(moment).get(this.cell.path);
    if (stage) this.chart?.add(moment.at, STATES.map((state) => stage[state]));
  }

  private heading(cell: Cell): HTMLElement {
    const group = cell.path.slice(0, cell.path.length - nameOf(cell.path).length);
    const tags = [cell.role === "plain" ? "" : cell.role, cell.stateful ? "stateful" : ""].filter(Boolean);
    const together = h("p", { class: "doc" });
    this.parts.push((_, stage) => {
      const others = stage ? stage.path.split(" + ").filter((path) => path !== cell.path) : [];
      text(together, others.length ? `Runs in one thread with ${others.join(", ")}: figures are of all of them together.` : "");
      together.hidden = !others.length;
    });
    return h(
      "header",
      {},
      h("h2", {}, group ? h("span", { class: "muted" }, group) : null, nameOf(cell.path)),
      h("p", { class: "tags" }, h("code", {}, cell.kind), ...tags.map((tag) => h("span", { class: "tag" }, tag))),
      cell.doc ? h("p", { class: "doc" }, cell.doc) : null,
      together,
    );
  }

  private figures(): HTMLElement {
    const values = FIGURES.map(() => h("dd", {}, "–"));
    this.parts.push((_, stage) => {
      if (!stage) return;
      const told = [`${rate(stage.rate)}/s`, count(stage.items), seconds(stage.mean), seconds(stage.p50), seconds(stage.p99), count(stage.queue)];
      told.forEach((value, index) => text(values[index], value));
    });
    return h("dl", { class: "figures" }, ...FIGURES.map((name, index) => h("div", {}, h("dt", {}, name), values[index])));
  }

  private states(): HTMLElement {
    const bar = new StateBar();
    const says = STATES.map((state) => h("b", { "data-state": state }));
    this.parts.push((_, stage) => {
      if (!stage) return;
      bar.show(stage);
      STATES.forEach((state, index) => text(says[index], percent(stage[state])));
    });
    const keys = STATES.map((state, index) => h("span", { class: "key" }, h("i", { class: state }), `${state} `, says[index]));
    return h("div", { class: "states" }, bar.element, h("p", { class: "legend" }, ...keys));
  }

  private shares(): HTMLElement {
    this.chart = new Chart("Shares over time", percent, 1);
    this.chart.element.classList.add("small");
    this.chart.series(STATES.map((state) => ({ label: state, color: COLORS[state], fill: state === "busy" })));
    return this.chart.element;
  }

  private clones(cell: Cell): HTMLElement {
    const stepper = new Clones(cell.path, this.failed, cell.stateful);
    const body = h("tbody");
    const rows = new Map<string, CloneRow>();
    const table = h("table", {}, h("thead", {}, h("tr", {}, ...HEADS.map((name) => h("th", { scope: "col" }, name)))), body);
    this.parts.push((moment, stage) => {
      if (stage) stepper.show(stage.clones);
      const present = moment.clones.filter((clone) => clone.path === cell.path);
      table.classList.toggle("without-gpu", present.every((clone) => clone.gpu === null));
      follow(rows, present, body);
    });
    return h(
      "section",
      {},
      h("header", { class: "line" }, h("h3", {}, "Clones"), stepper.element),
      scrolls("Clones, scrolls", table),
    );
  }

  private parameters(cell: Cell): HTMLElement {
    const fields = cell.parameters.map((parameter) => new ParameterField(parameter));
    this.parts.push((moment) =>
      cell.parameters.forEach((parameter, index) => fields[index].show(moment.parameters[parameter.path])),
    );
    return h("section", {}, h("h3", {}, "Parameters"), ...fields.map((field) => field.element));
  }
}

/** Rows for the clones that are there: new ones come, old ones go, the others stay as they are. */
function follow(rows: Map<string, CloneRow>, present: Clone[], body: HTMLElement) {
  const names = new Set(present.map((clone) => clone.clone));
  for (const [name, row] of rows) {
    if (names.has(name)) continue;
    row.element.remove();
    rows.delete(name);
  }
  for (const clone of present) {
    const row = rows.get(clone.clone) ?? new CloneRow(clone.clone);
    if (!rows.has(clone.clone)) {
      rows.set(clone.clone, row);
      body.append(row.element);
    }
    row.show(clone);
  }
}

class CloneRow {
  readonly element: HTMLElement;
  private readonly bar = new StateBar();
  private readonly cells = HEADS.slice(1, -1).map(() => h("td"));

  constructor(name: string) {
    this.element = h("tr", {}, h("th", { scope: "row" }, name), ...this.cells, h("td", { class: "wide" }, this.bar.element));
  }

  show(clone: Clone) {
    const memory = clone.memory === null ? "–" : bytes(clone.memory);
    const told = [`${rate(clone.rate)}/s`, seconds(clone.mean), percent(clone.cpu), percent(clone.gpu), memory];
    told.forEach((value, index) => text(this.cells[index], value));
    this.bar.show(clone);
    const carried = clone.sent ? `, sent ${bytes(clone.sent)}, received ${bytes(clone.received)}` : "";
    attribute(this.element, "title", `${plural(clone.items, "item")} so far${carried}`);
  }
}

function configs(cell: Cell): HTMLElement {
  const rows = cell.configs.map(({ name, doc, value }) =>
    h("div", {}, h("dt", { title: doc }, name), h("dd", {}, h("code", {}, String(value)))),
  );
  return h("section", {}, h("h3", {}, "Fixed while it runs"), h("dl", { class: "list" }, ...rows));
}

function ports(cell: Cell): HTMLElement {
  const list = (name: string, ports: string[]) =>
    h("div", {}, h("dt", {}, name), ...(ports.length ? ports : ["–"]).map((port) => h("dd", {}, h("code", {}, port))));
  return h("section", {}, h("h3", {}, "Ports"), h("dl", { class: "list" }, list("in", cell.inputs), list("out", cell.outputs)));
}
