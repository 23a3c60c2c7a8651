// The states of a cell's clones as a stacked bar: shape and text tell, not colour alone.

import { attribute, h } from "./dom";
import { percent } from "./format";
import type { States } from "./model";

export const STATES = ["busy", "blocked", "starved"] as const;

export class StateBar {
  readonly element = h("div", { class: "bar", role: "img" });
  private readonly parts = STATES.map((state) => h("i", { class: state }));

  constructor() {
    this.element.append(...this.parts);
  }

  show(states: States) {
    STATES.forEach((state, index) => {
      const width = `${(100 * states[state]).toFixed(1)}%`;
      if (this.parts[index].style.width !== width) this.parts[index].style.width = width;
    });
    attribute(this.element, "aria-label", told(states));
    attribute(this.element, "title", told(states));
  }
}

export function told(states: States): string {
  return STATES.map((state) => `${state} ${percent(states[state])}`).join(", ");
}
