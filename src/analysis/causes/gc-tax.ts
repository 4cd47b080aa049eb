/**
 * What the garbage collector costs tasks of one type: work it makes them do, waiting for it, the world stopped, and procs
 * that its workers had while they could have run. Means of one task over all of the type.
 */

import type { UnitGroup } from "./ledger.ts";
import type { Occupants } from "./occupants.ts";

/** Start function of the runtime's mark workers. */
const WORKER = "runtime.gcBgMarkWorker";

export interface GcTaxRow {
  readonly kind: "task" | "request";
  readonly name: string;
  readonly assist_ns: number;
  readonly sweep_ns: number;
  /** Waiting for assist credit, or for a cycle to be over. */
  readonly wait_ns: number;
  /** Waiting for a proc that a mark worker had: its share of the procs in use while any task waited, of this type's waiting. */
  readonly displaced_ns: number;
  /** Of the latency: the four above. */
  readonly share: number;
  /** Stop-the-world of any kind; within what a task does meanwhile, so it is not in `share`. */
  readonly stopped_ns: number;
}

export function gcTaxOf(units: readonly UnitGroup[], occupants: Occupants): GcTaxRow[] {
  const workers = occupants.by_group.find(({ group }) => group === WORKER)?.share ?? 0;
  return units.map((unit) => {
    const mean = (value: (band: UnitGroup["slow"]) => number): number =>
      unit.bands.reduce((sum, band) => sum + band.tasks * value(band), 0) / Math.max(1, unit.count);
    const of = (kind: string): number => mean((band) => band.by_kind[kind] ?? 0);
    const [assist, sweep, wait] = [of("gc assist"), of("gc sweep"), of("gc wait")];
    const displaced = of("runnable") * workers;
    return {
      kind: unit.kind,
      name: unit.name,
      assist_ns: assist,
      sweep_ns: sweep,
      wait_ns: wait,
      displaced_ns: displaced,
      share: unit.total_ns > 0 ? ((assist + sweep + wait + displaced) * unit.count) / unit.total_ns : 0,
      stopped_ns: mean((band) => band.stopped_ns),
    };
  });
}
