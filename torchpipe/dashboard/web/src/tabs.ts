// Below the charts: all cells as a table, skipped items and errors, the log. Arrow keys move between tabs.

import { StateBar } from "./bar";
import { attribute, h, text } from "./dom";
import { clock, count, percent, rate, seconds } from "./format";
import { limiting, type Moment, type Stage } from "./model";
import { read } from "./server";

interface Tab {
  button: HTMLButtonElement;
  panel: HTMLElement;
}

export class Tabs {
  readonly element = h("section", { class: "panel tabs", "aria-label": "Tables" });
  private readonly list = h("div", { role: "tablist", "aria-label": "Tables" });
  private readonly tabs: Tab[];
  private readonly table = new CellTable();
  private readonly errors = h("div");
  private readonly lines = h("ol", { class: "log" });
  private dead = -1;
  private logged = -1;
  private state = "";

  constructor() {
    const nothing = h("p", { class: "nothing" }, "Nothing was skipped, and nothing failed.");
    this.errors.append(nothing);
    this.tabs = [this.tab("Cells", this.table.element), this.tab("Errors", this.errors), this.tab("Log", this.lines)];
    this.list.append(...this.tabs.map(({ button }) => button));
    this.list.addEventListener("keydown", (event) => this.key(event));
    this.element.append(this.list, ...this.tabs.map(({ panel }) => panel));
    this.open(0);
  }

  show(moment: Moment) {
    this.table.show(moment);
    text(this.tabs[1].button, moment.dead ? `Errors (${count(moment.dead)})` : "Errors");
    text(this.tabs[2].button, moment.log ? `Log (${count(moment.log)})` : "Log");
    if (moment.dead !== this.dead || moment.state !== this.state) this.readErrors();
    if (moment.log !== this.logged) this.readLog();
    [this.dead, this.logged, this.state] = [moment.dead, moment.log, moment.state];
  }

  forget() {
    this.dead = this.logged = -1;
  }

  private async readErrors() {
    type Letter = { cell: string; clone: string; epoch: number; item: number; error: string };
    const { failure, letters } = await read<{ failure: string | null; letters: Letter[] }>("dead-letters");
    if (!failure && !letters.length) return;
    const rows = letters.map((letter) =>
      h("tr", {}, ...[letter.cell, letter.clone, count(letter.epoch), count(letter.item)].map((value) => h("td", {}, value)), h("td", { class: "left" }, h("code", {}, letter.error))),
    );
    const heads = ["cell", "clone", "epoch", "item", "error"].map((name) => h("th", { scope: "col" }, name));
    this.errors.replaceChildren(
      ...(failure ? [h("h3", {}, "What ended the run"), h("pre", { class: "failure", tabindex: "0", "aria-label": "Traceback" }, failure)] : []),
      ...(rows.length ? [h("h3", {}, "Skipped items, the last one first"), h("table", {}, h("thead", {}, h("tr", {}, ...heads)), h("tbody", {}, ...rows))] : []),
    );
    if (failure) this.open(1);
  }

  private async readLog() {
    type Line = { time: number; level: string; logger: string; text: string };
    const lines = await read<Line[]>("log");
    const shown = lines.map((line) =>
      h("li", { "data-level": line.level }, h("time", {}, clock(line.time)), h("b", {}, line.level), h("span", {}, line.logger), h("code", {}, line.text)),
    );
    this.lines.replaceChildren(...(shown.length ? shown : [h("li", { class: "nothing" }, "No lines yet.")]));
    const panel = this.tabs[2].panel;
    panel.scrollTop = panel.scrollHeight;
  }

  private tab(name: string, content: HTMLElement): Tab {
    const id = `tab-${name.toLowerCase()}`;
    const panel = h("div", { role: "tabpanel", id: `${id}-panel`, "aria-labelledby": id, tabindex: "0", class: "scrolls" }, content);
    const button = h("button", { type: "button", role: "tab", id, "aria-controls": panel.id }, name);
    button.addEventListener("click", () => this.open(this.tabs.findIndex((tab) => tab.button === button)));
    return { button, panel };
  }

  private open(index: number) {
    this.tabs.forEach(({ button, panel }, number) => {
      attribute(button, "aria-selected", String(number === index));
      attribute(button, "tabindex", number === index ? "0" : "-1");
      panel.hidden = number !== index;
    });
  }

  private key(event: KeyboardEvent) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const now = this.tabs.findIndex(({ button }) => button === document.activeElement);
    const next = (now + step + this.tabs.length) % this.tabs.length;
    this.open(next);
    this.tabs[next].button.focus();
    event.preventDefault();
  }
}

const HEADS = ["cell", "clones", "items", "rate", "time", "p99", "busy", "blocked", "starved", "waiting", ""];

/** The graph as a table: the same figures, for those who would rather read. */
class CellTable {
  readonly element: HTMLElement;
  private readonly body = h("tbody");
  private readonly rows = new Map<string, { row: HTMLElement; cells: HTMLElement[]; bar: StateBar }>();

  constructor() {
    const heads = HEADS.map((name) => (name ? h("th", { scope: "col" }, name) : h("td")));
    this.element = h("table", {}, h("thead", {}, h("tr", {}, ...heads)), this.body);
  }

  show(moment: Moment) {
    const limits = limiting(moment.verdict);
    for (const stage of moment.cells) {
      const key = `${stage.path} ${stage.scaled}`;
      const found = this.rows.get(key) ?? this.add(key, stage.path);
      told(stage).forEach((value, index) => text(found.cells[index], value));
      found.bar.show(stage);
      attribute(found.row, "data-limits", stage.path.split(" + ").some((path) => limits.has(path)) ? "true" : null);
    }
  }

  private add(key: string, path: string) {
    const [cells, bar] = [HEADS.slice(1, -1).map(() => h("td")), new StateBar()];
    const name = h("th", { scope: "row" }, path);
    const row = h("tr", {}, name, ...cells, h("td", { class: "wide" }, bar.element));
    const made = { row, cells, bar };
    this.rows.set(key, made);
    this.body.append(row);
    return made;
  }
}

function told(stage: Stage): string[] {
  const shares = [stage.busy, stage.blocked, stage.starved].map(percent);
  const clones = stage.scaled ? count(stage.clones) : "–";
  return [clones, count(stage.items), `${rate(stage.rate)}/s`, seconds(stage.mean), seconds(stage.p99), ...shares, count(stage.queue)];
}
