// One cell of the graph, or a nested pipeline that is folded.

import { StateBar } from "./bar";
import { Clones } from "./clones";
import { attribute, h, text } from "./dom";
import { plural, rate, seconds } from "./format";
import { type Cell, type Moment, nameOf, type Stage } from "./model";

export const WIDTH = 172;

export interface Shown {
  readonly element: HTMLElement;
  readonly width: number;
  readonly height: number;
  show(moment: Moment, of: Map<string, Stage>, limits: Set<string>): void;
}

export class Card implements Shown {
  readonly element: HTMLElement;
  readonly width = WIDTH;
  readonly height: number;
  private readonly rate = h("span", { class: "rate" });
  private readonly time = h("span", { class: "time" });
  private readonly bar = new StateBar();
  private readonly clones?: Clones;
  private readonly together = h("span", { class: "together" });

  constructor(
    private readonly cell: Cell,
    select: (path: string) => void,
    failed: (why: string) => void,
  ) {
    const scaled = cell.role === "scaled";
    if (scaled) this.clones = new Clones(cell.path, failed, cell.stateful);
    this.height = scaled ? 130 : cell.role === "results" ? 102 : 116;
    this.element = h(
      "article",
      { class: `card ${cell.role}`, "data-path": cell.path },
      h(
        "header",
        {},
        h("button", { type: "button", class: "select", onclick: () => select(cell.path) }, nameOf(cell.path)),
        h("span", { class: "badge" }, "limits"),
      ),
      h("div", { class: "kind" }, cell.kind),
      h("div", { class: "figures" }, this.rate, this.time),
      this.bar.element,
      this.clones?.element ?? this.together,
    );
  }

  show(moment: Moment, of: Map<string, Stage>, limits: Set<string>) {
    const stage = of.get(this.cell.path);
    attribute(this.element, "data-limits", limits.has(this.cell.path) ? "true" : null);
    if (this.cell.role === "results") this.showResults(moment);
    if (!stage) return;
    text(this.rate, `${rate(stage.rate)}/s`);
    const others = stage.path.split(" + ").length - 1;
    text(this.time, others ? "" : seconds(stage.mean));
    text(this.together, others ? `shares a thread with ${others}` : `thread: ${stage.thread}`);
    attribute(this.together, "title", stage.path);
    this.bar.show(stage);
    this.clones?.show(stage.clones);
  }

  private showResults(moment: Moment) {
    text(this.rate, `${rate(moment.rate)}/s`);
    if (moment.consumer === null) return;
    const busy = Math.min(1, moment.consumer);
    this.bar.show({ busy, starved: 1 - busy, blocked: 0 });
  }
}

export class Folded implements Shown {
  readonly element: HTMLElement;
  readonly width = WIDTH;
  readonly height = 116;
  private readonly rate = h("span", { class: "rate" });
  private readonly clones = h("span", { class: "time" });
  private readonly bar = new StateBar();

  constructor(
    group: string,
    private readonly paths: string[],
    unfold: () => void,
  ) {
    const fold = h("button", { type: "button", class: "fold", "aria-expanded": "false", onclick: unfold }, nameOf(group));
    this.element = h(
      "article",
      { class: "card folded", "data-path": group },
      h("header", {}, fold, h("span", { class: "badge" }, "limits")),
      h("div", { class: "kind" }, plural(paths.length, "cell")),
      h("div", { class: "figures" }, this.rate, this.clones),
      this.bar.element,
      h("span", { class: "together" }, "its busiest cell"),
    );
  }

  show(_: Moment, of: Map<string, Stage>, limits: Set<string>) {
    attribute(this.element, "data-limits", this.paths.some((path) => limits.has(path)) ? "true" : null);
    const found = this.paths.map((path) => of.get(path)).filter((stage): stage is Stage => stage !== undefined);
    if (!found.length) return;
    const busiest = found.reduce((one, other) => (other.busy > one.busy ? other : one));
    text(this.rate, `${rate(Math.max(...found.map((stage) => stage.rate)))}/s`);
    const clones = found.filter((stage) => stage.scaled).reduce((sum, stage) => sum + stage.clones, 0);
    text(this.clones, clones ? plural(clones, "clone") : "");
    this.bar.show(busiest);
  }
}
