/** What the tracker says of the rows of a batch. */

import type { EventColumns } from "../trace/columns.ts";
import { MAX_ROWS } from "../trace/kernel/layout.ts";
import type { Arena } from "./kernel/arena.ts";
import { Column } from "./kernel/layout.ts";

/**
 * What the tracker knows of a batch's rows, beside the batch's own columns. But for `slot` a column has a meaning only
 * in rows with a goroutine's transition (slot ≥ 0); it describes the state which that goroutine leaves there.
 */
export class TrackedBatch {
  readonly #arena: Arena;
  columns: EventColumns;
  /** The columns are where the kernel writes them. Larger batches than the reader's have columns of their own. */
  isShared = true;
  /** Slot of the goroutine (`subject`) that changes its state in this row, else −1. */
  slot!: Int32Array;
  /** When the state it leaves began, relative ns: NaN if it is new. A state found at the start began at the last Sync. */
  since!: Float64Array;
  /** Why it waited: a number of `tracker.reasons`. Only if it leaves Waiting. */
  reason!: Uint8Array;
  /** Type of the row that began the state: GoStatus means that it is older than the trace. */
  beganBy!: Uint8Array;
  /** Stack (of `tracker.stacks`) of the event that began the state: the waker's for an unblock, the creator's for a creation. */
  beginStack!: Int32Array;
  /** The goroutine's own last known stack while it was in the state. */
  ownStack!: Int32Array;
  /** When it lost its proc during the syscall it leaves, NaN if it kept it. */
  procLost!: Float64Array;

  constructor(columns: EventColumns, arena: Arena) {
    this.columns = columns;
    this.#arena = arena;
    this.#share();
    arena.onMove(() => {
      if (this.isShared) this.#share();
    });
  }

  /** Room for a batch. Nothing is cleared. */
  reset(columns: EventColumns): void {
    this.columns = columns;
    const { capacity } = columns;
    if (this.slot.length >= capacity) return;
    this.isShared = false;
    this.slot = new Int32Array(capacity);
    this.since = new Float64Array(capacity);
    this.reason = new Uint8Array(capacity);
    this.beganBy = new Uint8Array(capacity);
    this.beginStack = new Int32Array(capacity);
    this.ownStack = new Int32Array(capacity);
    this.procLost = new Float64Array(capacity);
  }

  /** Hands the batch's columns to the kernel, those of them that it reads. */
  share(): void {
    const { length, time, subject, m, arg0, stack, type, from, to } = this.columns;
    const arena = this.#arena;
    arena.f64At(Column.time, length).set(time.subarray(0, length));
    arena.f64At(Column.subject, length).set(subject.subarray(0, length));
    arena.f64At(Column.m, length).set(m.subarray(0, length));
    arena.f64At(Column.arg0, length).set(arg0.subarray(0, length));
    arena.i32At(Column.stack, length).set(stack.subarray(0, length));
    arena.u8At(Column.type, length).set(type.subarray(0, length));
    arena.u8At(Column.from, length).set(from.subarray(0, length));
    arena.u8At(Column.to, length).set(to.subarray(0, length));
  }

  #share(): void {
    const arena = this.#arena;
    this.slot = arena.i32At(Column.rowSlot, MAX_ROWS);
    this.since = arena.f64At(Column.rowSince, MAX_ROWS);
    this.reason = arena.u8At(Column.rowReason, MAX_ROWS);
    this.beganBy = arena.u8At(Column.rowBeganBy, MAX_ROWS);
    this.beginStack = arena.i32At(Column.rowBeginStack, MAX_ROWS);
    this.ownStack = arena.i32At(Column.rowOwnStack, MAX_ROWS);
    this.procLost = arena.f64At(Column.rowProcLost, MAX_ROWS);
  }
}
