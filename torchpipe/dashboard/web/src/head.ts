// The top of the page: what runs, how it goes, and what limits it.

import { announce, attribute, h, text } from "./dom";
import { bytes, count, duration, percent, plural, rate, seconds } from "./format";
import type { Drawing, Gpu, Moment, Verdict } from "./model";
import { scale, send } from "./server";

const FIGURES = ["results", "rate", "median latency", "99th percentile", "inside", "CPU cores", "GIL held", "time"] as const;

export class Head {
  readonly element: HTMLElement;
  private readonly name = h("h1", {}, "torchpipe");
  private readonly state = h("span", { class: "state", "data-state": "connecting" }, "connecting");
  private readonly values = FIGURES.map(() => h("dd", {}, "–"));
  private readonly gpu = h("dd");
  private readonly gpus = h("div", { hidden: true }, h("dt", {}, "GPU"), this.gpu);
  private readonly pause = h("button", { type: "button", class: "action", hidden: true, onclick: () => this.toggle() }, "Pause");
  private readonly drain = h("button", { type: "button", class: "action", hidden: true, onclick: () => this.drained() }, "Drain");
  private now = "";

  constructor(
    private readonly failed: (why: string) => void,
    ...tools: HTMLElement[]
  ) {
    const figures = FIGURES.map((name, index) => h("div", {}, h("dt", {}, name), this.values[index]));
    this.element = h(
      "header",
      { class: "head" },
      h("div", { class: "title" }, h("span", { class: "logo", "aria-hidden": "true" }), this.name, this.state),
      h("dl", { class: "figures" }, ...figures, this.gpus),
      h("div", { class: "actions" }, ...tools, this.drain, this.pause),
    );
  }

  draw(drawing: Drawing) {
    text(this.name, drawing.name);
    attribute(this.name, "title", drawing.doc || null);
    document.title = `${drawing.name} – torchpipe`;
    this.drain.hidden = !drawing.open;
  }

  show(moment: Moment) {
    this.says(moment.state);
    const way = moment.paths[0];
    const inside = moment.paths.reduce((sum, path) => Math.max(sum, path.in_flight), 0);
    const told = [
      count(moment.items),
      `${rate(moment.rate)}/s`,
      seconds(way?.p50 ?? null),
      seconds(way?.p99 ?? null),
      `${count(inside)} of ${count(moment.window)}`,
      moment.cpu === null ? "–" : `${moment.cpu.toFixed(1)} of ${moment.cores}`,
      percent(moment.verdict?.gil ?? null),
      duration(moment.time),
    ];
    told.forEach((value, index) => text(this.values[index], value));
    text(this.gpu, moment.gpus.map(work).join("; "));
    this.gpus.hidden = !moment.gpus.length;
    this.pause.hidden = !moment.pausable;
    text(this.pause, moment.state === "paused" ? "Resume" : "Pause");
  }

  says(state: string) {
    if (state === this.now) return;
    if (this.now) announce(`The run is ${state}`);
    this.now = state;
    text(this.state, state);
    attribute(this.state, "data-state", state);
    attribute(document.body, "data-run", state);
  }

  private async toggle() {
    await this.tries(() => send("POST", this.now === "paused" ? "resume" : "pause"));
  }

  private async drained() {
    this.drain.disabled = true;
    await this.tries(() => send("POST", "drain"));
    this.drain.disabled = false;
    announce("All submitted items have left");
  }

  private async tries(what: () => Promise<unknown>) {
    try {
      await what();
    } catch (error) {
      this.failed((error as Error).message);
    }
  }
}

const work = ({ device, busy, used, capacity }: Gpu) => `${device} ${percent(busy)}, ${bytes(used)} of ${bytes(capacity)}`;

/** What limits, why, and what one more clone would give: a click away. */
export class Banner {
  readonly element = h("section", { class: "banner", "aria-label": "What limits" });
  private readonly what = h("strong", {}, "Looking …");
  private readonly why = h("span", { class: "why" }, "The verdict comes after two seconds.");
  private readonly outlook = h("span", { class: "outlook" });
  private readonly add: HTMLButtonElement;
  private wanted: [string, number] | null = null;
  private before = "";

  constructor(
    private readonly select: (path: string) => void,
    private readonly failed: (why: string) => void,
  ) {
    this.add = h("button", { type: "button", class: "action", hidden: true, onclick: () => this.scale() }, "Add a clone");
    this.element.append(h("div", { class: "says" }, this.what, this.why, this.outlook), this.add);
  }

  show({ verdict, state }: Moment) {
    if (!verdict) return;
    text(this.what, title(verdict));
    text(this.why, verdict.why);
    text(this.outlook, verdict.outlook ?? "");
    this.wanted = state === "running" && verdict.gain !== null && verdict.gain > 0 ? verdict.scale : null;
    this.add.hidden = !this.wanted;
    if (this.wanted) text(this.add, `Add a clone of ${this.wanted[0]}`);
    attribute(this.element, "data-limit", verdict.limit === "nothing" ? "nothing" : "something");
    if (this.before && this.before !== verdict.limit) announce(title(verdict));
    this.before = verdict.limit;
  }

  private async scale() {
    if (!this.wanted) return;
    const [path, clones] = this.wanted;
    this.add.disabled = true;
    try {
      await scale(path, clones);
      announce(`${path} has ${plural(clones, "clone")} now`);
      this.select(path);
    } catch (error) {
      this.failed((error as Error).message);
    }
    this.add.disabled = false;
    this.add.hidden = true;
  }
}

const title = (verdict: Verdict) => (verdict.limit === "nothing" ? "Nothing limits" : `${verdict.limit} limits`);
