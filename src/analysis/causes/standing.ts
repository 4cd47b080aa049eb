/** What each goroutine does at the row, by slot; the tracker's state is that after the batch. */

import { widen } from "../slots.ts";

export class Standing {
  /** Of the goroutine. */
  id = new Float64Array(256);
  /** Since when it does `kind`, and its last record of the past. */
  since = new Float64Array(256);
  past = new Float64Array(256);
  kind = new Uint8Array(256);
  /** Where it is. */
  stack = new Int32Array(256);
  /** The kind that running is for it now. */
  mode = new Uint8Array(256);
  /** As far as it is known. */
  group = new Int32Array(256);
  /** 1 while it lives. */
  alive = new Uint8Array(256);

  reserve(capacity: number): void {
    if (this.since.length >= capacity) return;
    this.since = widen(this.since, new Float64Array(capacity));
    this.id = widen(this.id, new Float64Array(capacity));
    this.past = widen(this.past, new Float64Array(capacity));
    this.kind = widen(this.kind, new Uint8Array(capacity));
    this.stack = widen(this.stack, new Int32Array(capacity));
    this.mode = widen(this.mode, new Uint8Array(capacity));
    this.group = widen(this.group, new Int32Array(capacity));
    this.alive = widen(this.alive, new Uint8Array(capacity));
  }
}
