// Records what each clone does, and downloads it: a file for Perfetto or speedscope.

import { announce, attribute, h, text } from "./dom";
import { count, duration } from "./format";
import type { Moment } from "./model";
import { send } from "./server";

export class Recorder {
  readonly element = h("button", { type: "button", class: "action", onclick: () => this.toggle() }, "Record a trace");
  private on = false;
  private mine = false;
  private seen = false;

  constructor(private readonly failed: (why: string) => void) {}

  show({ trace, state }: Moment) {
    if (this.mine && this.seen && !trace) this.finished(); // it has ended by itself
    this.on = this.seen = trace !== null;
    this.element.hidden = !this.on && state !== "running" && state !== "paused";
    text(this.element, trace ? "Save the trace" : "Record a trace");
    const told = trace ? `${count(trace.calls)} calls in ${duration(trace.seconds)}` : null;
    attribute(this.element, "data-told", told);
    attribute(this.element, "title", told ?? "What each clone does when, for Perfetto or speedscope");
  }

  private async toggle() {
    this.element.disabled = true;
    try {
      await (this.on ? this.stop() : this.start());
    } catch (error) {
      this.failed((error as Error).message);
    }
    this.element.disabled = false;
    this.element.focus();
  }

  private async start() {
    await send("POST", "trace/start");
    this.on = this.mine = true;
    this.seen = false; // the next moment may be from before
    text(this.element, "Save the trace");
    announce("A trace is being recorded");
  }

  private async stop() {
    await send("POST", "trace/stop");
    this.finished();
  }

  /** A browser that follows this link gets a file, and stays where it is. */
  private finished() {
    this.on = this.mine = this.seen = false;
    text(this.element, "Record a trace");
    announce("The trace is saved");
    h("a", { href: "trace", download: "" }).click();
  }
}
