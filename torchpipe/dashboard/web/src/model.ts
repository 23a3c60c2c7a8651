// What the server tells: see drawing.py (the graph) and snapshot.py (the figures).

export interface Parameter {
  path: string;
  name: string;
  type: "bool" | "int" | "float" | "str" | "choice" | "other";
  doc: string;
  limits: { ge?: number; gt?: number; le?: number; lt?: number };
  choices: Value[] | null;
  value: Value;
}

export type Value = string | number | boolean | null;

export interface Cell {
  path: string;
  kind: string;
  role: "scaled" | "source" | "plain" | "results";
  doc: string;
  stateful: boolean;
  inputs: string[];
  outputs: string[];
  parameters: Parameter[];
  configs: { name: string; doc: string; value: Value }[];
}

export interface Connection {
  from: string;
  to: string;
  name: string;
  feedback: boolean;
}

export interface Drawing {
  name: string;
  doc: string;
  open: boolean;
  cells: Cell[];
  connections: Connection[];
}

export interface States {
  busy: number;
  starved: number;
  blocked: number;
}

export interface Stage extends States {
  path: string;
  scaled: boolean;
  thread: string;
  clones: number;
  items: number;
  rate: number;
  queue: number;
  mean: number | null;
  p50: number | null;
  p99: number | null;
  cpu: number | null;
}

export interface Clone extends States {
  path: string;
  clone: string;
  items: number;
  rate: number;
  mean: number | null;
  cpu: number | null;
  gpu: number | null;
  memory: number | null;
  sent: number;
  received: number;
}

export interface Gpu {
  device: string;
  busy: number | null;
  used: number;
  capacity: number;
}

export interface Verdict {
  limit: string;
  why: string;
  cell: string | null;
  gil: number | null;
  outlook: string | null;
  scale: [string, number] | null;
  gain: number | null;
}

/** What charts show of a moment; the history is made of these. */
export interface Past {
  at: number;
  time: number;
  rate: number;
  paths: { p50: number | null; p99: number | null }[];
  cells: (States & { path: string; scaled: boolean })[];
}

export interface Moment extends Past {
  state: "running" | "paused" | "finished" | "stopped" | "failed";
  pausable: boolean;
  epoch: number;
  time: number;
  items: number;
  rate: number;
  window: number;
  cpu: number | null;
  cores: number;
  gpus: Gpu[];
  consumer: number | null;
  cells: Stage[];
  clones: Clone[];
  paths: { source: string; sink: string; rate: number; in_flight: number; p50: number | null; p99: number | null }[];
  parameters: Record<string, Value>;
  dead: number;
  log: number;
  trace: { seconds: number; calls: number } | null;
  verdict: Verdict | null;
}

/** The stage that each cell belongs to: its own, if it is scaled up, or that of the cells it runs with. */
export function stages<S extends { path: string; scaled: boolean }>(moment: { cells: S[] }): Map<string, S> {
  const found = new Map<string, S>();
  for (const stage of [...moment.cells].sort((one, other) => Number(one.scaled) - Number(other.scaled)))
    for (const path of stage.path.split(" + ")) found.set(path, stage);
  return found;
}

/** The cells that limit: those of the stage that the verdict names, or whoever takes the results. */
export function limiting(verdict: Verdict | null): Set<string> {
  if (!verdict || verdict.limit === "nothing") return new Set();
  return new Set(verdict.limit === "the consumer" ? ["results"] : verdict.cell?.split(" + "));
}

export const nameOf = (path: string) => path.slice(path.lastIndexOf(".") + 1);
export const groupOf = (path: string) => path.slice(0, Math.max(0, path.lastIndexOf(".")));
