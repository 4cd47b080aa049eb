/** What `CausesPass` gives: `causes` of an analysis. */

import type { BirthRow } from "./births.ts";
import type { GapsResult } from "./gaps.ts";
import type { GcTaxRow } from "./gc-tax.ts";
import type { JoinRow } from "./joins.ts";
import type { UnitGroup } from "./ledger.ts";
import type { LocksResult } from "./locks.ts";
import type { Occupants } from "./occupants.ts";
import type { StopsResult } from "./stops.ts";
import type { WakeEdge } from "./wakes.ts";

export interface CausesResult {
  /** Types of tasks, and handlers of requests found in stacks: budget, slow against typical, critical paths. */
  readonly units: readonly UnitGroup[];
  /** How far from the trace's start all this goes: to its end, but for very long traces (`maxEvents`). */
  readonly followed_ns: number;
  /** Tasks and requests beyond the bounds (65,536 at once, 16 of one goroutine), or cut by a gap in the trace. */
  readonly units_not_followed: number;
  /** Who had the procs while goroutines with a task or request in progress waited for one. */
  readonly occupants: Occupants;
  /** The same for all goroutines. */
  readonly occupants_all: Occupants;
  /** What the garbage collector costs each of `units`. */
  readonly gc_tax: readonly GcTaxRow[];
  readonly locks: LocksResult;
  readonly joins: readonly JoinRow[];
  readonly stops: StopsResult;
  readonly gaps: GapsResult;
  readonly wakes: readonly WakeEdge[];
  readonly births: readonly BirthRow[];
}
