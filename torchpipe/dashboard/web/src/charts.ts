// Figures over time, in the colours of the theme.

import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { h } from "./dom";
import { clock } from "./format";

export interface Series {
  label: string;
  color: string;
  dash?: number[];
  fill?: boolean;
}

const MOST = 1200;
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600]; // seconds
const SYNC = uPlot.sync("time");
export const PALETTE = ["--c1", "--c2", "--c3", "--c4", "--c5", "--c6"];

const dark = matchMedia("(prefers-color-scheme: dark)");
const color = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export class Chart {
  readonly element: HTMLElement;
  private readonly canvas = h("div", { class: "canvas" });
  private data: (number | null)[][] = [[]];
  private plot?: uPlot;
  private shown: Series[] = [];
  private soon = 0; // many points may come at once

  constructor(
    title: string,
    private readonly value: (value: number) => string,
    private readonly most?: number,
  ) {
    this.element = h("figure", { class: "chart" }, h("figcaption", {}, title), this.canvas);
    new ResizeObserver(() => this.resize()).observe(this.canvas);
    dark.addEventListener("change", () => this.make());
  }

  /** The lines from now on; those that were there before keep their past. */
  series(series: Series[]) {
    const same = series.length === this.shown.length && series.every((one, i) => one.label === this.shown[i].label);
    if (same) return;
    const before = new Map(this.shown.map((one, index) => [one.label, this.data[index + 1]]));
    const empty = () => new Array<number | null>(this.data[0].length).fill(null);
    this.data = [this.data[0], ...series.map((one) => before.get(one.label) ?? empty())];
    this.shown = series;
    this.make();
  }

  add(time: number, values: (number | null)[]) {
    this.data[0].push(time);
    values.forEach((value, index) => this.data[index + 1]?.push(value));
    if (this.data[0].length > MOST) for (const column of this.data) column.shift();
    this.soon ||= requestAnimationFrame(() => this.draw());
  }

  clear() {
    this.data = [[], ...this.shown.map(() => [])];
    this.plot?.setData(this.data as uPlot.AlignedData);
  }

  /** Where no cursor is, the legend tells the last values. */
  private draw() {
    this.soon = 0;
    this.plot?.setData(this.data as uPlot.AlignedData);
    if (this.plot && this.plot.cursor.idx == null) this.plot.setLegend({ idx: this.data[0].length - 1 }, false);
  }

  private make() {
    this.plot?.destroy();
    if (!this.shown.length || !this.canvas.clientWidth) return;
    this.plot = new uPlot(this.options(), this.data as uPlot.AlignedData, this.canvas);
    this.draw();
  }

  private resize() {
    if (!this.plot) this.make();
    else this.plot.setSize({ width: this.canvas.clientWidth, height: this.height });
  }

  private get height() {
    return this.element.classList.contains("small") ? 110 : 160;
  }

  private options(): uPlot.Options {
    const axis = { stroke: color("--muted"), grid: { stroke: color("--line"), width: 1 }, ticks: { show: false }, font: "11px system-ui" };
    const told = (_: uPlot, value: number | null) => (value === null || value === undefined ? "–" : this.value(value));
    return {
      width: this.canvas.clientWidth,
      height: this.height,
      cursor: { sync: { key: SYNC.key }, points: { size: 6 }, y: false, drag: { x: false, y: false } },
      legend: { live: true },
      scales: { x: { time: true }, y: { range: (_, low, high) => [0, this.most ?? Math.max(1e-9, (high ?? low ?? 1) * 1.15)] } },
      axes: [
        { ...axis, size: 26, space: 90, incrs: STEPS, values: (_, times) => times.map(clock) },
        { ...axis, size: 54, space: 34, values: (_, values) => values.map((value) => this.value(value)) },
      ],
      series: [
        { label: "time", value: (_, time) => (time === null ? "–" : clock(time)) },
        ...this.shown.map((one) => ({
          label: one.label,
          stroke: color(one.color),
          width: 1.75,
          dash: one.dash,
          fill: one.fill ? `${color(one.color)}22` : undefined,
          points: { show: false },
          value: told,
        })),
      ],
    };
  }
}
