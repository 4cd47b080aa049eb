/**
 * Chrome's Trace Event JSON, as `go tool trace` gives its viewer: complete slices (X), instants (I), counters (C), arrows
 * (s and t), names (M), and the stacks as a tree of frames by number at the end. Times are µs from the trace's start.
 */

import { StackInterner } from "./interner.ts";
import type { InternedFrame } from "./interner.ts";
import type { CounterName, Detail, TimelineSink, Track, TrackKind } from "./sink.ts";

/** "Processes" of the viewer: its groups of lines. */
const groups: Readonly<Record<TrackKind | "counter", readonly [pid: number, name: string]>> = {
  proc: [0, "PROCS"],
  counter: [1, "STATS"],
  task: [2, "TASKS"],
  thread: [3, "OS THREADS"],
  goroutine: [4, "G"],
  activity: [5, "REGIONS"],
  sweep: [6, "SWEEP"],
  gc: [7, "GC"],
};

interface OpenSlice {
  readonly time: number;
  readonly name: string;
  readonly category: string;
  readonly detail: Detail;
}

const encoder = new TextEncoder();

export class ChromeSink implements TimelineSink {
  #text = `{"displayTimeUnit":"ns","traceEvents":[`;
  #first = true;
  #start = NaN;
  readonly #open = new Map<Track, OpenSlice[]>();
  readonly #named = new Set<Track>();
  readonly #groups = new Set<number>();
  readonly #frames = new Map<number, InternedFrame>();
  /** Nodes of the tree of frames: `parent:frame` → number. */
  readonly #nodes = new Map<string, number>();
  readonly #leaves: number[] = [];
  readonly #stacks = new StackInterner(
    (id, frame) => this.#frames.set(id, frame),
    (id, frames) => {
      let parent = 0;
      for (const frame of frames.toReversed()) {
        const key = `${parent}:${frame}`;
        let node = this.#nodes.get(key);
        if (node === undefined) this.#nodes.set(key, (node = this.#nodes.size + 1));
        parent = node;
      }
      this.#leaves[id] = parent;
    },
  );

  clock(time: number, wall: bigint): void {
    if (Number.isNaN(this.#start)) this.#start = time;
    const at = this.#at(time);
    this.#event({
      name: "wall clock",
      ph: "I",
      s: "g",
      ts: at,
      pid: 1,
      tid: 0,
      args: { unix_ns: String(wall) },
    });
  }

  begin(track: Track, time: number, name: string, category: string, detail: Detail = {}): void {
    const slice = { time, name, category, detail };
    const open = this.#open.get(track);
    if (open === undefined) this.#open.set(track, [slice]);
    else open.push(slice);
  }

  end(track: Track, time: number): void {
    const slice = this.#open.get(track)?.pop();
    if (slice === undefined) return;
    const at = this.#at(slice.time);
    this.#event({
      name: slice.name,
      cat: slice.category,
      ph: "X",
      ts: at,
      dur: (time - slice.time) / 1000,
      ...this.#place(track),
      ...this.#details(slice.detail),
    });
    this.#flow(track, at, slice.detail);
  }

  instant(track: Track, time: number, name: string, category: string, detail: Detail = {}): void {
    const at = this.#at(time);
    const details = this.#details(detail);
    this.#event({ name, cat: category, ph: "I", s: "t", ts: at, ...this.#place(track), ...details });
    this.#flow(track, at, detail);
  }

  counter(name: CounterName, time: number, values: Readonly<Record<string, number>>): void {
    this.#group(groups.counter);
    this.#event({ name, ph: "C", ts: this.#at(time), pid: groups.counter[0], tid: 0, args: values });
  }

  forget(track: Track): void {
    this.#open.delete(track);
    this.#named.delete(track);
  }

  finish(): void {
    this.#text += `],"stackFrames":{`;
    let first = true;
    for (const [key, node] of this.#nodes) {
      const [parent = "0", frame = "0"] = key.split(":");
      const { func = "", line = 0 } = this.#frames.get(Number(frame)) ?? {};
      const value = { name: `${func}:${line}`, ...(parent !== "0" && { parent: Number(parent) }) };
      this.#text += `${first ? "" : ","}"${node}":${JSON.stringify(value)}`;
      first = false;
    }
    this.#text += "}}\n";
  }

  take(): Uint8Array {
    const taken = encoder.encode(this.#text);
    this.#text = "";
    return taken;
  }

  get pending(): number {
    return this.#text.length;
  }

  /** An arrow is a pair of events of its own, bound to the slice that is there. */
  #flow(track: Track, ts: number, { flowFrom, flowTo }: Detail): void {
    const id = flowFrom ?? flowTo;
    if (id === undefined) return;
    const ph = flowFrom === undefined ? "t" : "s";
    this.#event({
      name: "wake",
      cat: "wake",
      ph,
      ...(ph === "t" && { bp: "e" }),
      id,
      ts,
      ...this.#place(track),
    });
  }

  #details({ stack, args }: Detail): object {
    const leaf = stack === undefined ? 0 : (this.#leaves[this.#stacks.id(stack)] ?? 0);
    return { ...(leaf > 0 && { sf: leaf }), ...(args !== undefined && { args }) };
  }

  #at(time: number): number {
    if (Number.isNaN(this.#start)) this.#start = time;
    return (time - this.#start) / 1000;
  }

  #place(track: Track): { pid: number; tid: number } {
    const group = groups[track.kind];
    const [pid] = group;
    if (!this.#named.has(track)) {
      this.#named.add(track);
      this.#group(group);
      const { id: tid, name } = track;
      this.#event({ name: "thread_name", ph: "M", pid, tid, args: { name } });
      this.#event({ name: "thread_sort_index", ph: "M", pid, tid, args: { sort_index: tid } });
    }
    return { pid, tid: track.id };
  }

  #group([pid, name]: readonly [number, string]): void {
    if (this.#groups.has(pid)) return;
    this.#groups.add(pid);
    this.#event({ name: "process_name", ph: "M", pid, tid: 0, args: { name } });
    this.#event({ name: "process_sort_index", ph: "M", pid, tid: 0, args: { sort_index: pid } });
  }

  #event(event: object): void {
    this.#text += (this.#first ? "\n" : ",\n") + JSON.stringify(event);
    this.#first = false;
  }
}
