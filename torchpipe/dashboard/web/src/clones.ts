// "− 2 clones +": the number of clones of a scaled-up cell.

import { announce, attribute, h, text } from "./dom";
import { plural } from "./format";
import { scale } from "./server";

/** What is known last, by cell: the graph and the detail both have a stepper, and a click on one counts for both. */
const known = new Map<string, number>();

export class Clones {
  readonly element: HTMLElement;
  private readonly number = h("span", { class: "count" });
  private readonly less: HTMLButtonElement;
  private readonly more: HTMLButtonElement;
  private works = false;

  constructor(
    private readonly path: string,
    private readonly failed: (why: string) => void,
    mostIsOne = false,
  ) {
    this.less = this.button("−", `One clone less of ${path}`, -1);
    this.more = this.button("+", `One more clone of ${path}`, 1);
    this.more.hidden = this.less.hidden = mostIsOne;
    this.element = h("div", { class: "clones", role: "group", "aria-label": `Clones of ${path}` });
    this.element.append(this.less, this.number, this.more);
  }

  show(clones: number) {
    if (!this.works) known.set(this.path, clones);
    text(this.number, plural(clones, "clone"));
    attribute(this.less, "aria-disabled", clones <= 1 ? "true" : null);
  }

  private button(sign: string, label: string, change: number): HTMLButtonElement {
    return h("button", { type: "button", "aria-label": label, title: label, onclick: () => this.change(change) }, sign);
  }

  private async change(by: number) {
    const before = known.get(this.path) ?? 1;
    const wanted = before + by;
    if (wanted < 1 || this.works) return;
    this.works = true;
    this.element.classList.add("works");
    try {
      await scale(this.path, wanted);
      known.set(this.path, wanted);
      announce(`${this.path} has ${plural(wanted, "clone")} now`);
    } catch (error) {
      this.failed((error as Error).message);
    } finally {
      this.works = false;
      this.element.classList.remove("works");
      this.show(known.get(this.path) ?? before);
    }
  }
}
