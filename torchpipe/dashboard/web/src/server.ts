// What goes to the server and comes from it. Addresses are relative: the page may be mounted anywhere.

import type { Drawing, Moment, Value } from "./model";

export interface Listener {
  connected(drawing: Drawing): void;
  moment(moment: Moment): void;
  lost(why: string): void;
}

/** Listen for ever: when the server goes away, ask again until it is back, and read the graph anew. */
export function listen(listener: Listener) {
  const source = new EventSource("events");
  source.onopen = async () => {
    try {
      listener.connected(await read<Drawing>("graph"));
    } catch (error) {
      listener.lost(String(error));
    }
  };
  source.onmessage = (event) => listener.moment(JSON.parse(event.data));
  source.onerror = () => {
    listener.lost("The connection is lost; trying again.");
    if (source.readyState === EventSource.CLOSED) setTimeout(() => listen(listener), 1000);
  };
}

export async function read<T>(path: string): Promise<T> {
  return answer<T>(await fetch(path));
}

export async function send<T>(method: "POST" | "PATCH", path: string, body?: unknown): Promise<T> {
  const headers = { "content-type": "application/json" };
  return answer<T>(await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) }));
}

async function answer<T>(response: Response): Promise<T> {
  const told = await response.text();
  if (response.ok) return JSON.parse(told);
  let why = told;
  try {
    why = JSON.parse(told).error ?? told;
  } catch {
    // a refusal in plain text
  }
  throw new Error(why.trim() || `${response.status} ${response.statusText}`);
}

export const scale = (path: string, clones: number) => send("POST", "scale", { [path]: clones });
export const setParameter = (path: string, value: Value) =>
  send<Record<string, Value>>("PATCH", "parameters", { [path]: value });
