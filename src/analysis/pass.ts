/**
 * How an analysis is put together. Events are decoded once; the tracker (tracker.ts) follows every goroutine through
 * them; passes look at both and each computes one thing. A pass of your own slots in without a second decode:
 *
 *     class WakeGraph implements Pass {
 *       onBatch({ columns, slot }: TrackedBatch, tracker: GoroutineTracker) {
 *         for (let i = 0; i < columns.length; i++) {
 *           if (columns.type[i] !== Ev.GoUnblock) continue;
 *           const waker = tracker.slots.find(columns.g[i]!); // −1: the network poller, a timer
 *           edge(tracker.group[waker], tracker.group[slot[i]!]);
 *         }
 *       }
 *     }
 *     const graph = new WakeGraph();
 *     const result = analyse(readTrace(bytes), { passes: [graph] });
 *
 * What is called when, for one batch of rows:
 *
 * 1. `onGeneration`, if the batch is the first of a generation: string and stack indexes mean something else from here on.
 * 2. The tracker walks the rows. At rows of the types a pass names in `types` it calls the pass's `onRow`: the tracker's
 *    state is then that *at the row*. Meant for rare rows (tasks, regions, ranges) that need running totals.
 * 3. `onBatch`: the tracker's state is that *after the batch*; what was so at a row is in the `TrackedBatch` columns.
 *    Goroutines that ended in the batch are in `tracker.deaths` and still have their slot, its totals and its name.
 * 4. The slots of the dead are freed.
 *
 * Slots are dense and used again, so a pass keeps per-goroutine state in typed arrays by slot: make room for
 * `tracker.capacity` (it only grows, at `onRow` and `onBatch` alike) and clear a slot when it is among `deaths`.
 */

import type { EventColumns } from "../trace/columns.ts";
import type { Generation } from "../trace/generation.ts";
import type { GoroutineTracker } from "./tracker.ts";

export interface Pass {
  /** Event types `onRow` is called for. */
  readonly types?: readonly number[];
  onGeneration?(generation: Generation, tracker: GoroutineTracker): void;
  onRow?(columns: EventColumns, row: number, tracker: GoroutineTracker): void;
  onBatch?(batch: TrackedBatch, tracker: GoroutineTracker): void;
  /** The trace is over. Goroutines still alive have slots: `tracker.alive()`. */
  finish?(tracker: GoroutineTracker): void;
}

/**
 * What the tracker knows of a batch's rows, beside the batch's own columns. But for `slot` a column has a meaning only
 * in rows with a goroutine's transition (slot ≥ 0); it describes the state which that goroutine leaves there.
 */
export class TrackedBatch {
  columns: EventColumns;
  /** Slot of the goroutine (`subject`) that changes its state in this row, else −1. */
  slot = new Int32Array(0);
  /** When the state it leaves began, relative ns: NaN if it is new. A state found at the start began at the last Sync. */
  since = new Float64Array(0);
  /** Why it waited: a number of `tracker.reasons`. Only if it leaves Waiting. */
  reason = new Uint8Array(0);
  /** Type of the row that began the state: GoStatus means that it is older than the trace. */
  beganBy = new Uint8Array(0);
  /** Stack (of `tracker.stacks`) of the event that began the state: the waker's for an unblock, the creator's for a creation. */
  beginStack = new Int32Array(0);
  /** The goroutine's own last known stack while it was in the state. */
  ownStack = new Int32Array(0);
  /** When it lost its proc during the syscall it leaves, NaN if it kept it. */
  procLost = new Float64Array(0);

  constructor(columns: EventColumns) {
    this.columns = columns;
    this.reset(columns);
  }

  /** Room for a batch. Only `slot` is cleared. */
  reset(columns: EventColumns): void {
    this.columns = columns;
    const { capacity } = columns;
    if (this.slot.length < capacity) {
      this.slot = new Int32Array(capacity);
      this.since = new Float64Array(capacity);
      this.reason = new Uint8Array(capacity);
      this.beganBy = new Uint8Array(capacity);
      this.beginStack = new Int32Array(capacity);
      this.ownStack = new Int32Array(capacity);
      this.procLost = new Float64Array(capacity);
    }
    this.slot.fill(-1, 0, columns.length);
  }
}
