// The page: what comes from the server goes to its parts.

import { Chart, PALETTE } from "./charts";
import { Detail } from "./detail";
import { h, text } from "./dom";
import { percent, rate, seconds } from "./format";
import { Graph } from "./graph";
import { Banner, Head } from "./head";
import { type Drawing, limiting, type Moment, type Past } from "./model";
import { listen, read } from "./server";
import "./style.css";
import { Tabs } from "./tabs";
import { Recorder } from "./trace";

const WAITS = 20; // moments that the history may take to come

const notice = h("div", { class: "notice", role: "alert", hidden: true });
const says = (why: string) => {
  text(notice, why);
  notice.hidden = !why;
};

const recorder = new Recorder(says);
const head = new Head(says, recorder.element);
const banner = new Banner((path) => select(path), says);
const graph = new Graph((path) => select(path, true), says);
const detail = new Detail(says);
const tabs = new Tabs();
const throughput = new Chart("Results per second", rate);
const latency = new Chart("Latency of results", seconds);
const busy = new Chart("Busy share of the busiest cells", percent, 1);

const charts = h("section", { class: "charts", "aria-label": "Charts" }, throughput.element, latency.element, busy.element);
const main = h("main", {}, graph.element, h("div", { class: "columns" }, h("div", { class: "left" }, charts, tabs.element), detail.element));
document.querySelector("#page")!.append(head.element, notice, banner.element, main);

let drawing: Drawing | undefined;
let chosen = false;
let recent: Moment[] = []; // what comes before the history does
let lost = false;

throughput.series([{ label: "results/s", color: "--c1", fill: true }]);
latency.series([
  { label: "median", color: "--c1" },
  { label: "99 %", color: "--c2", dash: [4, 3] },
]);

function select(path: string, byHand = false) {
  const cell = drawing?.cells.find((one) => one.path === path);
  if (!cell) return;
  chosen ||= byHand;
  graph.mark(path);
  if (detail.path !== path) detail.select(cell);
  if (byHand && innerWidth < 900) detail.element.scrollIntoView({ behavior: "smooth" });
}

/** Who comes later, or comes back, sees the last minutes; of another run, if that is there now. */
async function remember() {
  recent = [];
  const past = await read<Past[]>("history");
  const first = past.length ? past[past.length - 1].at : 0;
  const since = recent.filter((moment) => moment.at > first);
  for (const chart of [throughput, latency, busy]) chart.clear();
  detail.forget();
  for (const moment of [...past, ...since]) {
    paint(moment);
    detail.recall(moment);
  }
}

function paint(moment: Past) {
  const way = moment.paths[0];
  throughput.add(moment.at, [moment.rate]);
  latency.add(moment.at, [way?.p50 ?? null, way?.p99 ?? null]);
  const known = busyOnes(moment);
  busy.series(known.map((path, index) => ({ label: path, color: PALETTE[index] })));
  busy.add(moment.at, known.map((path) => moment.cells.find((stage) => short(stage.path) === path)?.busy ?? null));
}

let followed: string[] = [];
const short = (path: string) => {
  const [first, ...others] = path.split(" + ");
  return others.length ? `${first} + ${others.length}` : first;
};

/** Up to six cells; once there is a line for them it stays, so that colours keep their meaning. */
function busyOnes(moment: Past): string[] {
  const there = moment.cells.map((stage) => short(stage.path));
  followed = followed.filter((path) => there.includes(path));
  const rest = [...moment.cells].sort((one, other) => other.busy - one.busy).map((stage) => short(stage.path));
  for (const path of rest) if (followed.length < PALETTE.length && !followed.includes(path)) followed.push(path);
  return followed;
}

listen({
  connected(told) {
    const same = JSON.stringify(told) === JSON.stringify(drawing);
    drawing = told;
    tabs.forget();
    remember().catch((error) => says(String(error)));
    if (lost) says("");
    lost = false;
    head.draw(told);
    if (same) return;
    graph.draw(told);
    const before = detail.path;
    const cell = told.cells.find((one) => one.path === before) ?? told.cells.find((one) => one.role === "scaled") ?? told.cells[0];
    detail.select(cell);
    graph.mark(cell.path);
  },
  moment(moment) {
    if (recent.length < WAITS) recent.push(moment);
    head.show(moment);
    recorder.show(moment);
    banner.show(moment);
    graph.show(moment);
    detail.show(moment);
    tabs.show(moment);
    paint(moment);
    const [limit] = limiting(moment.verdict);
    if (!chosen && limit && detail.path !== limit) {
      chosen = true;
      select(limit);
    }
  },
  lost(why) {
    if (!lost) says(why);
    lost = true;
    head.says("disconnected");
  },
});
