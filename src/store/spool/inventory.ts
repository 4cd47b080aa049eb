import type { SpoolOptions } from "../options.ts";
import type { SpoolEntry } from "./entry.ts";
import {
  apply,
  newProgress,
  recordsOf,
  type JournalRecord,
  type Progress,
  type ProgressById,
} from "./progress.ts";
import { makeRoom, type Room, type Weighed } from "./quota.ts";

export interface SpoolUsage {
  /** Not in the store yet. */
  readonly pending: number;
  readonly pendingBytes: number;
  /** In the store, kept here as well for `keep_uploaded`. */
  readonly uploaded: number;
  readonly bytes: number;
  readonly maxBytes: number;
  /** ISO 8601; when the oldest that waits was made. */
  readonly oldestPending: string | undefined;
}

/** What the spool holds, in memory: which captures, how far each has come, and which of them give way to others. */
export class Inventory {
  readonly #options: SpoolOptions;
  readonly #entries: Map<string, SpoolEntry>;
  readonly #progress: ProgressById;
  /** Those of the entries that are not in the store yet. */
  readonly #pending = new Map<string, SpoolEntry>();
  readonly #busy = new Set<string>();

  constructor(options: SpoolOptions, entries: Map<string, SpoolEntry>, progress: ProgressById) {
    this.#options = options;
    this.#entries = entries;
    this.#progress = progress;
    for (const [id, entry] of entries) {
      if (this.progress(id).verified === undefined) this.#pending.set(id, entry);
    }
  }

  entries(): readonly SpoolEntry[] {
    return [...this.#entries.values()];
  }

  pending(): readonly SpoolEntry[] {
    return [...this.#pending.values()];
  }

  get(id: string): SpoolEntry | undefined {
    return this.#entries.get(id);
  }

  progress(id: string): Readonly<Progress> {
    return this.#progress.get(id) ?? newProgress();
  }

  /** What a journal says that is written anew. */
  records(): ReturnType<typeof recordsOf> {
    return recordsOf(this.#progress);
  }

  get idle(): boolean {
    return this.#pending.size === 0;
  }

  add(entry: SpoolEntry): void {
    this.#entries.set(entry.id, entry);
    this.#pending.set(entry.id, entry);
  }

  /** It is no longer here. How far it came is known until `forget`: its folder may still be there. */
  remove(id: string): void {
    this.#entries.delete(id);
    this.#pending.delete(id);
  }

  forget(id: string): void {
    this.#progress.delete(id);
  }

  apply(record: JournalRecord): void {
    apply(this.#progress, record);
    if (record.kind === "verified") this.#pending.delete(record.id);
  }

  setBusy(id: string, busy: boolean): void {
    if (busy) this.#busy.add(id);
    else this.#busy.delete(id);
  }

  isBusy(id: string): boolean {
    return this.#busy.has(id);
  }

  usage(): SpoolUsage {
    let pendingBytes = 0;
    let oldestPending: string | undefined;
    for (const entry of this.#pending.values()) {
      pendingBytes += entry.bytes;
      if (oldestPending === undefined || entry.created < oldestPending) oldestPending = entry.created;
    }
    const pending = this.#pending.size;
    const uploaded = this.#entries.size - pending;
    const { max_bytes: maxBytes } = this.#options;
    return { pending, pendingBytes, uploaded, bytes: this.#bytes(), maxBytes, oldestPending };
  }

  /** What gives way so that a new capture fits, or that none does. */
  roomFor(entry: SpoolEntry): Room {
    const { max_bytes: maxBytes, max_captures: maxCaptures } = this.#options;
    const fits = this.#bytes() + entry.bytes <= maxBytes && this.#entries.size < maxCaptures;
    return fits ? { kind: "fits", evict: [] } : makeRoom(this.#weighed(), this.#weigh(entry), this.#limits());
  }

  /** What gives way so that all that is left is within a quota that has shrunk. */
  overQuota(): readonly string[] {
    // It takes no room, and may push out whatever any capture may: automatic ones first.
    const nothing: Weighed = {
      id: "",
      bytes: 0,
      created: "",
      severity: "critical",
      manual: true,
      pinned: false,
      uploaded: false,
      busy: false,
    };
    const limits = this.#limits();
    const room = makeRoom(this.#weighed(), nothing, { ...limits, maxCaptures: limits.maxCaptures + 1 });
    return room.kind === "fits" ? room.evict : [];
  }

  #limits(): { maxBytes: number; maxCaptures: number; policy: SpoolOptions["when_full"] } {
    const { max_bytes: maxBytes, max_captures: maxCaptures, when_full: policy } = this.#options;
    return { maxBytes, maxCaptures, policy };
  }

  #weighed(): Weighed[] {
    return Array.from(this.#entries.values(), (entry) => this.#weigh(entry));
  }

  #weigh(entry: SpoolEntry): Weighed {
    const { pinned, verified } = this.progress(entry.id);
    return { ...entry, pinned, uploaded: verified !== undefined, busy: this.isBusy(entry.id) };
  }

  #bytes(): number {
    let bytes = 0;
    for (const entry of this.#entries.values()) bytes += entry.bytes;
    return bytes;
  }
}
