// What a cell gives, on demand: the run is looked at only while this is shown.

import { attribute, h, scrolls, text } from "./dom";
import { count } from "./format";
import { read } from "./server";

export interface Seen {
  name?: string;
  type: string;
  text?: string;
  fields?: Seen[];
  more?: number;
  shape?: number[];
  dtype?: string;
  device?: string;
  min?: string;
  mean?: string;
  max?: string;
  first?: string[];
  every?: number;
  picture?: string | null;
}

const PAUSE = 1000; // milliseconds from one output to the next
const WAITS = "No item has passed for five seconds. It is shown when one does.";

const pause = () => new Promise((done) => setTimeout(done, PAUSE));

export class Output {
  readonly element: HTMLElement;
  private readonly button: HTMLButtonElement;
  private readonly says = h("p", { class: "doc", hidden: true });
  private readonly body = h("div", { class: "output" });
  private turn = 0; // a loop goes on while it is its turn
  private shown = false;

  constructor(private readonly path: string) {
    this.button = h("button", { type: "button", class: "action small", "aria-expanded": "false", onclick: () => this.toggle() }, "Show output");
    this.element = h("section", { "aria-label": `Output of ${path}` }, h("header", { class: "line" }, h("h3", {}, "Output"), this.button), this.says, this.body);
  }

  /** Look no more: another cell is shown. */
  close() {
    this.turn += 1;
  }

  private toggle() {
    this.close();
    this.shown = !this.shown;
    attribute(this.button, "aria-expanded", String(this.shown));
    text(this.button, this.shown ? "Hide output" : "Show output");
    this.tell("");
    this.body.replaceChildren();
    if (this.shown) this.look(this.turn);
  }

  private async look(turn: number) {
    this.tell("Waiting for the next item.");
    while (turn === this.turn) {
      try {
        if (!document.hidden) await this.next(turn);
      } catch (error) {
        if (turn === this.turn) this.tell((error as Error).message);
      }
      await pause();
    }
  }

  private async next(turn: number) {
    const ports = await read<Seen[] | null>(`outputs/${encodeURIComponent(this.path)}`);
    const made = ports?.map(port) ?? [];
    const pictures = made.flatMap((one) => [...one.querySelectorAll("img")]);
    await Promise.all(pictures.map((picture) => picture.decode().catch(() => undefined)));
    if (turn !== this.turn) return;
    this.tell(ports ? "" : WAITS);
    if (ports) this.body.replaceChildren(...made);
  }

  private tell(what: string) {
    text(this.says, what);
    this.says.hidden = !what;
  }
}

function port(seen: Seen): HTMLElement {
  return h("div", { class: "seen" }, h("p", { class: "what" }, h("b", {}, seen.name ?? ""), " ", h("code", { class: "muted" }, kind(seen))), ...content(seen));
}

function kind({ type, dtype, shape, device }: Seen): string {
  if (!shape) return type;
  return [`${type} ${dtype}`, shape.length ? shape.join(" × ") : "one number", device === "cpu" ? "" : device].filter(Boolean).join(", ");
}

function content(seen: Seen): (HTMLElement | null)[] {
  if (seen.fields) return [fields(seen.fields), seen.more ? h("p", { class: "doc" }, `and ${count(seen.more)} more`) : null];
  if (seen.shape) return [picture(seen), limits(seen), first(seen)];
  return [scrolls(`${seen.name ?? seen.type}, scrolls`, h("code", {}, seen.text ?? ""))];
}

function fields(of: Seen[]): HTMLElement {
  return h("div", { class: "fields" }, ...of.map(port));
}

function picture({ picture, name, type, shape }: Seen): HTMLElement | null {
  if (!picture) return null;
  return h("img", { src: picture, alt: `${name ?? type}, a picture of ${shape!.map(count).join(" by ")}` });
}

function limits({ min, mean, max, every }: Seen): HTMLElement | null {
  if (min === undefined) return null;
  const told = { min, mean, max };
  const title = every! > 1 ? `of every ${count(every!)}th number` : undefined;
  return h("dl", { class: "limits", title }, ...Object.entries(told).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value ?? ""))));
}

function first({ first, shape, picture }: Seen): HTMLElement | null {
  if (!first?.length || picture) return null;
  const all = shape!.reduce((size, side) => size * side, 1);
  return h("p", { class: "first" }, h("code", {}, first.join("  ") + (all > first.length ? "  …" : "")));
}
