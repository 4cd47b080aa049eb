/** What the tracker says of the rows of a batch. */

import type { EventColumns } from "../trace/columns.ts";

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
