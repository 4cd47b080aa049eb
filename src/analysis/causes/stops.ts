/**
 * Stop-the-world: how long it took until the last goroutine stood still, which one that was and where, and how many tasks
 * were in progress. A goroutine in code that cannot be preempted (assembly, a long copy) lets all others wait.
 */

import type { StackPool } from "../stacks.ts";
import { Worst } from "../worst.ts";
import { told } from "./sites.ts";
import type { Sites, ToldFrame } from "./sites.ts";

const MAX_TOLD = 20;
/** Stops in progress at once that are followed; the runtime allows one, a tolerant reading may see more. */
const MAX_OPEN = 8;
/** How long after the request a goroutine may still start. */
const LATE_START_NS = 1_000_000;

export interface Stop {
  /** Go's word for why. */
  readonly kind: string;
  /** The goroutine that stopped the world. */
  readonly goroutine: number;
  readonly begin_at_ns: number;
  readonly total_ns: number;
  /** Until the last running goroutine stood still. */
  readonly stopping_ns: number;
  /** The last one, null if none was running. */
  readonly straggler: {
    readonly goroutine: number;
    readonly group: string;
    readonly function: string;
    readonly stack: readonly ToldFrame[];
  } | null;
  /** Goroutines that were stopped while running. */
  readonly stopped: number;
  /** Tasks and requests in progress. */
  readonly units: number;
}

export interface StopsResult {
  readonly count: number;
  readonly total_ns: number;
  /** Of it, waiting for stragglers. */
  readonly stopping_ns: number;
  /** Longest first. */
  readonly worst: readonly Stop[];
}

interface OpenStop {
  readonly goroutine: number;
  readonly begin: number;
  lastStop: number;
  straggler: number;
  group: number;
  stack: number;
  stopped: number;
  /** Goroutines run again, before the stop is said to be over. */
  restarting: boolean;
}

type KeptStop = OpenStop & { readonly kind: string; readonly end: number; readonly units: number };

export class Stops {
  #open: OpenStop[] = [];
  #count = 0;
  #total = 0;
  #stopping = 0;
  readonly #worst = new Worst<KeptStop>(MAX_TOLD);

  get isOpen(): boolean {
    return this.#open.length > 0;
  }

  reset(): void {
    this.#open = [];
  }

  begin(goroutine: number, time: number): void {
    if (this.#open.length >= MAX_OPEN) return;
    this.#open.push({
      goroutine,
      begin: time,
      lastStop: time,
      straggler: -1,
      group: 0,
      stack: 0,
      stopped: 0,
      restarting: false,
    });
  }

  /** All stood still, and a goroutine runs again: the stop is over but for its event. */
  restarts(time: number): void {
    for (const stop of this.#open) {
      // One that was about to run when the stop was asked for may still begin to.
      if (stop.stopped > 0 || time - stop.begin >= LATE_START_NS) stop.restarting = true;
    }
  }

  /** A goroutine no longer runs. */
  stands(goroutine: number, group: number, stack: number, time: number): void {
    for (const stop of this.#open) {
      if (stop.restarting || stop.goroutine === goroutine) continue;
      stop.lastStop = time;
      stop.straggler = goroutine;
      stop.group = group;
      stop.stack = stack;
      stop.stopped++;
    }
  }

  /** The world goes on. Gives when it was stopped, NaN if that is not known. */
  end(goroutine: number, kind: string, time: number, units: number): number {
    const at = this.#open.findIndex((stop) => stop.goroutine === goroutine);
    if (at < 0) return NaN;
    const stop = this.#open[at]!;
    this.#open.splice(at, 1);
    const total = time - stop.begin;
    this.#count++;
    this.#total += total;
    this.#stopping += stop.lastStop - stop.begin;
    if (this.#worst.takes(total)) this.#worst.add(total, { ...stop, kind, end: time, units });
    return stop.begin;
  }

  result(start: number, group: (id: number) => string, sites: Sites, stacks: StackPool): StopsResult {
    return {
      count: this.#count,
      total_ns: this.#total,
      stopping_ns: this.#stopping,
      worst: this.#worst.items.map((stop) => ({
        kind: stop.kind,
        goroutine: stop.goroutine,
        begin_at_ns: stop.begin - start,
        total_ns: stop.end - stop.begin,
        stopping_ns: stop.lastStop - stop.begin,
        straggler:
          stop.straggler === -1
            ? null
            : {
                goroutine: stop.straggler,
                group: group(stop.group),
                function: sites.names.text(sites.of(stop.stack, stacks)),
                stack: told(stop.stack, stacks),
              },
        stopped: stop.stopped,
        units: stop.units,
      })),
    };
  }
}
