/**
 * User regions: time inside them by state, by name and by where they begin.
 *
 * As in Go's Summarizer a goroutine created inside a region inherits the innermost one's task as a region without a
 * name that lasts until it ends; regions of runtime goroutines that are open when those end do not count.
 */

import type { EventColumns } from "../trace/columns.ts";
import { Ev, GoState } from "../trace/spec.ts";
import { isSystemGoroutine } from "./goroutines.ts";
import { NameIndex, Names } from "./names.ts";
import type { TrackedBatch } from "./tracked.ts";
import { Sketch } from "./sketch.ts";
import type { Distribution } from "./sketch.ts";
import { widen } from "./slots.ts";
import { MAX_STACKS } from "./stacks.ts";
import { timeSplit } from "./split.ts";
import type { TimeSplit } from "./split.ts";
import { restrided } from "./goroutine-table.ts";
import type { GoroutineTracker, Pass } from "./tracker.ts";
import { Worst } from "./worst.ts";

const MAX_REGION_NAMES = 4096;
/** Pairs of name and function. */
const MAX_REGION_PLACES = 8192;

/** One region of the worst. */
export interface RegionRow extends TimeSplit {
  readonly name: string;
  readonly task: number;
  readonly goroutine: number;
  readonly begin_at_ns: number;
  /** Null if it was open at the trace's end. */
  readonly end_at_ns: number | null;
  readonly total_ns: number;
}

/** All regions of one name. The first four fields are as Go's Summarizer has them. */
export interface RegionGroup {
  readonly name: string;
  readonly count: number;
  /** Begun and ended in the trace, by its end or the goroutine's. */
  readonly complete: number;
  readonly total_ns: number;
  /** The longest. */
  readonly max_ns: number;
  /** Of the complete ones. */
  readonly latency: Distribution;
  /** Time of the complete ones by state. */
  readonly split: TimeSplit;
  readonly worst: readonly RegionRow[];
}

/** Regions of one name that begin in one function. */
export interface RegionPlace {
  readonly name: string;
  /** The function that begins them: the innermost frame. */
  readonly function: string;
  readonly count: number;
  readonly complete: number;
  readonly latency: Distribution;
}

interface Group {
  count: number;
  complete: number;
  total: number;
  max: number;
  readonly latency: Sketch;
  split: Float64Array;
  readonly worst: Worst<RegionRow>;
}

interface Place {
  readonly name: number;
  readonly func: string;
  count: number;
  complete: number;
  readonly latency: Sketch;
}

/** What ends when a region does; for the tasks. */
export interface RegionListener {
  regionBegan(task: number, goroutine: number, columns: EventColumns, row: number): void;
  regionEnded(task: number, goroutine: number, name: string, begin: number, end: number): void;
}

export class RegionPass implements Pass {
  readonly types = [
    Ev.UserRegionBegin,
    Ev.UserRegionEnd,
    Ev.GoCreate,
    Ev.GoCreateBlocked,
    Ev.GoCreateSyscall,
  ];
  /** Region ends without a begin in the trace. */
  unbegun = 0;
  readonly #names = new Names(MAX_REGION_NAMES, "(other regions)", [""]);
  readonly #index = new NameIndex(this.#names);
  readonly #groups: (Group | undefined)[] = [];
  readonly #places = new Map<string, Place>();
  /** The same by name and stack in one number, to look at no frames. */
  readonly #placeOfStack = new Map<number, Place>();
  readonly #worst: number;
  readonly #listener: RegionListener;

  /** Innermost region + 1 by goroutine slot. */
  #inner = new Int32Array(256);
  // Open regions, by number; those not in use are a list by `#outer`.
  #outer = new Int32Array(64);
  #name = new Int32Array(64);
  #task = new Float64Array(64);
  #begin = new Float64Array(64);
  #place: (Place | undefined)[] = [];
  #times: Float64Array = new Float64Array(64 * 12);
  #stride = 12;
  #used = 0;
  #free = 0;
  #scratch = new Float64Array(64);

  constructor(listener: RegionListener, worst: number) {
    this.#listener = listener;
    this.#worst = worst;
  }

  onGeneration(generation: Parameters<NameIndex["enter"]>[0]): void {
    this.#index.enter(generation);
  }

  onRow(columns: EventColumns, i: number, tracker: GoroutineTracker): void {
    if (this.#inner.length < tracker.capacity)
      this.#inner = widen(this.#inner, new Int32Array(tracker.capacity));
    const type = columns.type[i]!;
    const slot = tracker.slots.find(columns.g[i]!);
    if (type === Ev.UserRegionBegin) {
      if (slot < 0) return;
      const place = this.#placeOf(columns, i, tracker);
      place.count++;
      this.#open(
        slot,
        this.#index.of(columns.arg0[i]!),
        columns.subject[i]!,
        columns.time[i]!,
        place,
        tracker,
      );
      this.#listener.regionBegan(columns.subject[i]!, columns.g[i]!, columns, i);
    } else if (type === Ev.UserRegionEnd) {
      if (slot >= 0 && this.#inner[slot] !== 0) this.#close(slot, columns.time[i]!, true, tracker);
      else {
        this.unbegun++;
        this.#listener.regionBegan(columns.subject[i]!, columns.g[i]!, columns, i);
      }
    } else if (slot >= 0 && this.#inner[slot] !== 0) {
      const created = tracker.slots.find(columns.subject[i]!);
      this.#open(created, 0, this.#task[this.#inner[slot]! - 1]!, columns.time[i]!, undefined, tracker);
    }
  }

  onBatch(_batch: TrackedBatch, tracker: GoroutineTracker): void {
    if (this.#inner.length < tracker.capacity)
      this.#inner = widen(this.#inner, new Int32Array(tracker.capacity));
    for (let k = 0; k < tracker.deathCount; k++) {
      const slot = tracker.deaths[k]!;
      if (this.#inner[slot] !== 0) this.#closeAll(slot, tracker.ended[slot]!, true, tracker);
    }
  }

  finish(tracker: GoroutineTracker): void {
    for (const slot of tracker.alive()) {
      const gone = tracker.state[slot] === GoState.Undetermined;
      const end = gone ? tracker.since[slot]! : tracker.lastTime;
      if (this.#inner[slot] !== 0) this.#closeAll(slot, end, false, tracker);
    }
  }

  #closeAll(slot: number, end: number, complete: boolean, tracker: GoroutineTracker): void {
    const system = isSystemGoroutine(tracker.groups.text(tracker.group[slot]!));
    while (this.#inner[slot] !== 0) {
      if (system) this.#release(slot);
      else this.#close(slot, end, complete, tracker);
    }
  }

  #open(
    slot: number,
    name: number,
    task: number,
    time: number,
    place: Place | undefined,
    tracker: GoroutineTracker,
  ): void {
    if (this.#stride < tracker.stride) {
      this.#times = restrided(this.#times, this.#stride, tracker.stride, this.#outer.length);
      this.#stride = tracker.stride;
    }
    let region = this.#free - 1;
    if (region >= 0) this.#free = this.#outer[region]!;
    else region = this.#used++;
    if (region === this.#outer.length) this.#grow(region * 2);
    this.#outer[region] = this.#inner[slot]!;
    this.#inner[slot] = region + 1;
    this.#name[region] = name;
    this.#task[region] = task;
    this.#begin[region] = time;
    this.#place[region] = place;
    tracker.snapshot(slot, time, this.#times, region * this.#stride);
  }

  #release(slot: number): number {
    const region = this.#inner[slot]! - 1;
    this.#inner[slot] = this.#outer[region]!;
    this.#outer[region] = this.#free;
    this.#free = region + 1;
    return region;
  }

  /** The innermost region of a goroutine ends. */
  #close(slot: number, end: number, complete: boolean, tracker: GoroutineTracker): void {
    const region = this.#release(slot);
    const name = this.#name[region]!;
    const begin = this.#begin[region]!;
    const task = this.#task[region]!;
    const total = end - begin;
    const group = (this.#groups[name] ??= {
      count: 0,
      complete: 0,
      total: 0,
      max: 0,
      latency: new Sketch(),
      split: new Float64Array(12),
      worst: new Worst<RegionRow>(this.#worst),
    });
    group.count++;
    group.total += total;
    if (total > group.max) group.max = total;
    const times = this.#since(region, slot, end, tracker);
    if (complete) {
      group.complete++;
      group.latency.add(total);
      if (group.split.length < times.length) group.split = widen(group.split, new Float64Array(times.length));
      for (let kind = 0; kind < tracker.timeKinds; kind++) group.split[kind]! += times[kind]!;
      const place = this.#place[region];
      if (place !== undefined) {
        place.complete++;
        place.latency.add(total);
      }
    }
    const goroutine = tracker.slots.id(slot);
    const text = this.#names.text(name);
    // What a goroutine inherits is no region anybody wrote.
    if (name === 0 && this.#place[region] === undefined) return;
    this.#listener.regionEnded(task, goroutine, text, begin, end);
    if (!group.worst.takes(total)) return;
    group.worst.add(total, {
      name: text,
      task,
      goroutine,
      begin_at_ns: begin - tracker.startTime,
      end_at_ns: complete ? end - tracker.startTime : null,
      total_ns: total,
      ...timeSplit(times, 0, tracker),
    });
  }

  /** Time by state since a region began. */
  #since(region: number, slot: number, end: number, tracker: GoroutineTracker): Float64Array {
    if (this.#scratch.length < tracker.stride) this.#scratch = new Float64Array(tracker.stride);
    const times = this.#scratch;
    tracker.snapshot(slot, end, times, 0);
    const at = region * this.#stride;
    for (let kind = 0; kind < this.#stride; kind++) times[kind]! -= this.#times[at + kind]!;
    return times;
  }

  #placeOf(columns: EventColumns, i: number, tracker: GoroutineTracker): Place {
    const name = this.#index.of(columns.arg0[i]!);
    const stack = tracker.stacks.of(columns.stack[i]!);
    const pair = name * MAX_STACKS * 2 + stack;
    const seen = this.#placeOfStack.get(pair);
    if (seen !== undefined) return seen;
    const func = tracker.stacks.top(stack);
    const key = `${name} ${func}`;
    let place = this.#places.get(key);
    if (place === undefined) {
      const full = this.#places.size >= MAX_REGION_PLACES;
      place = { name, func: full ? "(other functions)" : func, count: 0, complete: 0, latency: new Sketch() };
      this.#places.set(full ? `${name} ` : key, place);
    }
    if (this.#placeOfStack.size < MAX_REGION_PLACES) this.#placeOfStack.set(pair, place);
    return place;
  }

  #grow(length: number): void {
    this.#outer = widen(this.#outer, new Int32Array(length));
    this.#name = widen(this.#name, new Int32Array(length));
    this.#task = widen(this.#task, new Float64Array(length));
    this.#begin = widen(this.#begin, new Float64Array(length));
    this.#times = widen(this.#times, new Float64Array(length * this.#stride));
  }

  /** Rows by name; "" are the inherited ones. */
  groups(tracker: GoroutineTracker): RegionGroup[] {
    return this.#groups
      .flatMap((group, id): RegionGroup[] => {
        if (group === undefined) return [];
        return [
          {
            name: this.#names.text(id),
            count: group.count,
            complete: group.complete,
            total_ns: group.total,
            max_ns: group.max,
            latency: group.latency.distribution(),
            split: timeSplit(group.split, 0, tracker),
            worst: group.worst.items,
          },
        ];
      })
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  places(): RegionPlace[] {
    return [...this.#places.values()]
      .map(({ name, func, count, complete, latency }) => ({
        name: this.#names.text(name),
        function: func,
        count,
        complete,
        latency: latency.distribution(),
      }))
      .sort((a, b) => b.latency.sum_ns - a.latency.sum_ns);
  }
}
