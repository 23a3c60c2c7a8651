// One live parameter: a control for its type and limits; the server has the last word.

import { announce, attribute, h, text } from "./dom";
import type { Parameter, Value } from "./model";
import { setParameter } from "./server";

type Control = HTMLInputElement | HTMLSelectElement;

export class ParameterField {
  readonly element: HTMLElement;
  private readonly control: Control;
  private readonly slider?: HTMLInputElement;
  private readonly problem = h("p", { class: "problem", role: "alert" });
  private value: Value;

  constructor(private readonly parameter: Parameter) {
    const id = `parameter-${parameter.path}`;
    this.value = parameter.value;
    this.control = this.made(id);
    this.control.addEventListener("change", () => this.apply(read(this.control, parameter)));
    this.slider = this.slides();
    this.element = h(
      "div",
      { class: `parameter ${parameter.type}` },
      h("label", { for: id }, parameter.name),
      h("div", { class: "control" }, this.slider, this.control),
      parameter.doc ? h("p", { class: "doc" }, parameter.doc) : null,
      h("p", { class: "doc limits" }, limits(parameter)),
      this.problem,
    );
    this.write();
  }

  /** What the run says; what somebody is typing stays. */
  show(value: Value) {
    if (value === this.value) return;
    this.value = value;
    if (document.activeElement !== this.control && document.activeElement !== this.slider) this.write();
  }

  private write() {
    if (this.parameter.type === "bool") (this.control as HTMLInputElement).checked = this.value === true;
    else this.control.value = this.parameter.type === "choice" ? JSON.stringify(this.value) : String(this.value ?? "");
    if (this.slider) this.slider.value = String(this.value);
  }

  private async apply(value: Value) {
    try {
      const told = await setParameter(this.parameter.path, value);
      this.value = told[this.parameter.path];
      this.says("");
      announce(`${this.parameter.name} is ${this.value} now`);
      this.write();
    } catch (error) {
      this.says((error as Error).message);
    }
  }

  private says(problem: string) {
    text(this.problem, problem);
    attribute(this.control, "aria-invalid", problem ? "true" : null);
  }

  private made(id: string): Control {
    const { type, choices, limits } = this.parameter;
    if (type === "choice") {
      const options = (choices ?? []).map((choice) => h("option", { value: JSON.stringify(choice) }, String(choice)));
      return h("select", { id }, ...options);
    }
    if (type === "bool") return h("input", { id, type: "checkbox", role: "switch" });
    if (type === "int" || type === "float")
      return h("input", { id, type: "number", step: type === "int" ? 1 : "any", min: limits.ge, max: limits.le });
    return h("input", { id, type: "text", readonly: type === "other", spellcheck: "false" });
  }

  private slides(): HTMLInputElement | undefined {
    const { type, limits: { ge, gt, le, lt }, name } = this.parameter;
    const [min, max] = [ge ?? gt, le ?? lt];
    if ((type !== "int" && type !== "float") || min === undefined || max === undefined) return undefined;
    const step = type === "int" ? 1 : (max - min) / 100;
    const slider = h("input", { type: "range", min, max, step, "aria-label": `${name}, slider` });
    slider.addEventListener("input", () => (this.control.value = slider.value));
    slider.addEventListener("change", () => this.apply(Number(slider.value)));
    return slider;
  }
}

function read(control: Control, { type }: Parameter): Value {
  if (type === "bool") return (control as HTMLInputElement).checked;
  if (type === "choice") return JSON.parse(control.value);
  return type === "int" || type === "float" ? Number(control.value) : control.value;
}

function limits({ type, limits: { ge, gt, le, lt }, choices }: Parameter): string {
  const parts = [ge !== undefined && `≥ ${ge}`, gt !== undefined && `> ${gt}`, le !== undefined && `≤ ${le}`, lt !== undefined && `< ${lt}`];
  const found = parts.filter(Boolean).join(", ");
  const kind = { bool: "on or off", int: "whole number", float: "number", str: "text", choice: "", other: "set from Python" }[type];
  return choices ? `one of ${choices.length}` : [kind, found].filter(Boolean).join(", ");
}
