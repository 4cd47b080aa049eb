/**
 * What recording costs a target, against its budget. It has no clock: times are monotonic ms and are given.
 *
 * - The cost is estimated: events a second × `EVENT_COST_NS`, as a share of what the service uses (of one core, where that
 *   is not known). The service's own figures with the trace on and off are published beside it; they move with its load.
 * - Over budget by a factor f, the stream is on for a while and then off for (f − 1) times as long: on average it costs
 *   what it may. From f = 20 on that is hardly a recording any more: it stops for ten minutes, and then looks again.
 */

import { formatSize } from "../base/size.ts";
import { bytes, milliseconds, type Bytes, type Milliseconds } from "../base/units.ts";
import { EVENT_BYTES, EVENT_COST_NS } from "./cost.ts";
import { CpuByPhase } from "./cpu.ts";

export interface Budget {
  /** Share of the service's CPU. */
  readonly maxOverhead: number | undefined;
  readonly maxBytesPerSecond: Bytes | undefined;
  /** Resident bytes of the service above which it is left alone. */
  readonly maxMemory: Bytes | undefined;
  /** How long a stream is watched before it is judged. */
  readonly settle: Milliseconds | undefined;
}

export interface OverheadEstimate {
  readonly bytesPerSecond: number;
  readonly eventsPerSecond: number;
  /** Share of the service's CPU that goes into tracing while the stream is on; of one core where its CPU is not known. */
  readonly estimated: number;
  /** By the service's own figures, once it was seen with the trace on and off. */
  readonly measured: number | undefined;
}

/** Let the target be for so long. */
export interface Verdict {
  readonly duration: Milliseconds;
  /** For people, with the numbers. */
  readonly reason: string;
}

const DEFAULT_SETTLE = milliseconds(5000);
const SHORTEST_PAUSE = 2000;
const LONGEST_PAUSE = 600_000;
const STOP_FACTOR = 20;
/** The memory is looked at again this soon. */
const MEMORY_PAUSE = milliseconds(30_000);
/** Less than this of a core is no burden on any budget, whatever share of an idle service it is. */
const NEGLIGIBLE_CORES = 0.001;
/** A memory reading older than this says nothing of now. */
const STALE_MS = 120_000;

export class OverheadGovernor {
  readonly #budget: Budget;
  readonly #cpu = new CpuByPhase();
  #tracing = false;
  /** Since the last CPU reading it was not the same all the time. */
  #phaseChanged = true;
  #onSince = 0;
  #bytes = 0;
  #analysed = { bytes: 0, events: 0 };
  #memory: { readonly bytes: number; readonly at: number } | undefined;

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** The trace goes on, or off: the watch begins anew. */
  setTracing(on: boolean, now: Milliseconds): void {
    if (on === this.#tracing) return;
    this.#tracing = on;
    this.#phaseChanged = true;
    if (!on) return;
    this.#onSince = now;
    this.#bytes = 0;
  }

  /** Trace bytes arrived. */
  recordBytes(size: number): void {
    this.#bytes += size;
  }

  /** So many events were in so many bytes: bytes are turned into events by it. */
  recordEvents(events: number, size: number): void {
    // The recent ones count: a service's mix changes.
    const weight = this.#analysed.bytes > 64 * 1024 * 1024 ? 0.5 : 1;
    this.#analysed = {
      bytes: this.#analysed.bytes * weight + size,
      events: this.#analysed.events * weight + events,
    };
  }

  recordCpu(seconds: number, now: Milliseconds): void {
    this.#cpu.record(seconds, now, this.#phaseChanged ? undefined : this.#tracing);
    this.#phaseChanged = false;
  }

  recordMemory(resident: number, now: Milliseconds): void {
    this.#memory = { bytes: resident, at: now };
  }

  /** What it costs while it is on; undefined before the stream was watched for long enough. */
  estimate(now: Milliseconds): OverheadEstimate | undefined {
    const watched = (now - this.#onSince) / 1000;
    if (!this.#tracing || watched * 1000 < (this.#budget.settle ?? DEFAULT_SETTLE)) return undefined;
    const bytesPerSecond = this.#bytes / watched;
    const { bytes: size, events } = this.#analysed;
    const eventsPerSecond = bytesPerSecond / (events === 0 ? EVENT_BYTES : size / events);
    const cores = this.#cores(eventsPerSecond);
    return {
      bytesPerSecond,
      eventsPerSecond,
      // What is read includes the tracing itself; the share is of the rest, which is the service's own work.
      estimated: cores / Math.max(cores, (this.#cpu.rate ?? 1) - cores),
      measured: this.#cpu.measuredOverhead,
    };
  }

  /** Whether the target is to be let alone now, for how long, and why. */
  judge(now: Milliseconds): Verdict | undefined {
    if (!this.#tracing) return undefined;
    return this.#judgeMemory(now) ?? this.#judgeCost(now);
  }

  #cores(eventsPerSecond: number): number {
    return (eventsPerSecond * EVENT_COST_NS) / 1e9;
  }

  #judgeMemory(now: Milliseconds): Verdict | undefined {
    const { maxMemory } = this.#budget;
    const memory = this.#memory;
    if (maxMemory === undefined || memory === undefined || now - memory.at > STALE_MS) return undefined;
    if (memory.bytes <= maxMemory) return undefined;
    const reason = `the service has ${formatSize(memory.bytes)} of memory resident, above max_memory ${formatSize(maxMemory)}: it is not traced meanwhile`;
    return { duration: MEMORY_PAUSE, reason };
  }

  #judgeCost(now: Milliseconds): Verdict | undefined {
    const cost = this.estimate(now);
    if (cost === undefined) return undefined;
    const { maxOverhead, maxBytesPerSecond } = this.#budget;
    const byBytes = maxBytesPerSecond === undefined ? 0 : cost.bytesPerSecond / maxBytesPerSecond;
    const negligible = this.#cores(cost.eventsPerSecond) < NEGLIGIBLE_CORES;
    const byCpu = maxOverhead === undefined || negligible ? 0 : cost.estimated / maxOverhead;
    const factor = Math.max(byBytes, byCpu);
    if (factor <= 1) return undefined;
    const why =
      byCpu >= byBytes
        ? `tracing costs the service an estimated ${percent(cost.estimated)} of its CPU, max_overhead is ${percent(maxOverhead ?? 0)}`
        : `the trace is ${formatSize(cost.bytesPerSecond)}/s, max_bytes_per_second is ${formatSize(maxBytesPerSecond ?? bytes(0))}`;
    const on = now - this.#onSince;
    if (factor >= STOP_FACTOR) {
      return { duration: milliseconds(LONGEST_PAUSE), reason: `${why}: stopped, and tried again in 10m` };
    }
    const off = Math.min(LONGEST_PAUSE, Math.max(SHORTEST_PAUSE, on * (factor - 1)));
    const reason = `${why}: on for ${Math.round(on / 1000)}s, off for ${Math.round(off / 1000)}s`;
    return { duration: milliseconds(off), reason };
  }
}

const percent = (ratio: number): string => `${Number((ratio * 100).toPrecision(2))}%`;
