// Elements made in one expression, and changed only where something is new.

type Child = Node | string | null | undefined | false;
type Properties = Record<string, unknown>;

export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  properties: Properties = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  give(element, properties);
  element.append(...children.filter((child): child is Node | string => child != null && child !== false));
  return element;
}

export function svg(tag: string, attributes: Record<string, string | number> = {}, ...children: Node[]): SVGElement {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

function give(element: HTMLElement, properties: Properties) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value as EventListener);
    else if (name === "class") element.className = String(value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
}

/** Set the text, if it is another one: a tick should not touch what has not changed. */
export function text(element: Element, value: string) {
  if (element.textContent !== value) element.textContent = value;
}

export function attribute(element: Element, name: string, value: string | null) {
  if (value === null) element.removeAttribute(name);
  else if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/** What may be wider than its place; so it can be scrolled by keyboard, and has a name. */
export function scrolls(name: string, ...children: Child[]): HTMLElement {
  return h("div", { class: "scrolls", role: "region", "aria-label": name, tabindex: "0" }, ...children);
}

const polite = h("div", { class: "unseen", role: "status", "aria-live": "polite" });
document.body.append(polite);

/** Tell those who listen. Only what they would want to be interrupted for. */
export function announce(message: string) {
  text(polite, message);
}
