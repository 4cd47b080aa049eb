/**
 * Locks: who waited for whom at a mutex, how long the holder had held it, how many queued, and convoys: chains of
 * goroutines that each got the lock from one that had itself waited for it.
 *
 * The trace does not know which lock it is, only where it is taken and let go. So a row is a pair of functions: two locks
 * taken in one function are one row, and one lock taken in two functions is two.
 */

import type { StackPool } from "../stacks.ts";
import { widen } from "../slots.ts";
import { told } from "./sites.ts";
import type { Sites, ToldFrame } from "./sites.ts";

const MAX_PAIRS = 1024;
const MAX_TOLD = 20;
/** Handoffs in a row that make a convoy. */
export const CONVOY_LENGTH = 4;

/** Waits in one function for a lock that another function let go. */
export interface LockRow {
  /** Function that waits for the lock. */
  readonly waiter: string;
  /** Function of the holder that let it go. */
  readonly holder: string;
  readonly waits: number;
  readonly wait_ns: number;
  readonly max_wait_ns: number;
  /**
   * How long the holders had held it while the waiters waited: exact if the holder had itself waited for the lock (`held_exact`
   * times of `waits`), else the whole wait, an upper bound.
   */
  readonly held_ns: number;
  readonly held_exact: number;
  /** Most goroutines that waited in that function at once. */
  readonly max_queue: number;
  /** Waits that ended in a chain of at least `CONVOY_LENGTH` handoffs, and the longest chain. */
  readonly convoy_waits: number;
  readonly longest_convoy: number;
  readonly wait_stack: readonly ToldFrame[];
  readonly holder_stack: readonly ToldFrame[];
}

export interface LocksResult {
  readonly waits: number;
  readonly wait_ns: number;
  /** Longest waits first. */
  readonly rows: readonly LockRow[];
  /** Waits in pairs of functions beyond the bound. */
  readonly not_told: number;
}

interface Pair {
  readonly waiter: number;
  readonly holder: number;
  waits: number;
  total: number;
  max: number;
  held: number;
  heldExact: number;
  convoyWaits: number;
  longest: number;
  waitStack: number;
  holderStack: number;
}

export class Locks {
  readonly #pairs = new Map<number, Pair>();
  #waits = 0;
  #total = 0;
  #notTold = 0;
  /** By function: how many wait there now, and most at once. */
  #queue = new Int32Array(64);
  #maxQueue = new Int32Array(64);
  // By goroutine slot: handoffs that led to the lock it holds, and since when it has it; where it was taken.
  #chain = new Int32Array(256);
  #acquired = new Float64Array(256).fill(NaN);
  #lockSite = new Int32Array(256);

  reserve(capacity: number): void {
    if (this.#chain.length >= capacity) return;
    const known = this.#acquired.length;
    this.#chain = widen(this.#chain, new Int32Array(capacity));
    this.#acquired = widen(this.#acquired, new Float64Array(capacity)).fill(NaN, known);
    this.#lockSite = widen(this.#lockSite, new Int32Array(capacity));
  }

  forget(slot: number): void {
    this.#chain[slot] = 0;
    this.#acquired[slot] = NaN;
  }

  /** Nothing is known any more of who waits. */
  reset(): void {
    this.#queue.fill(0);
  }

  waits(site: number): void {
    if (site >= this.#queue.length) {
      this.#queue = widen(this.#queue, new Int32Array(site * 2));
      this.#maxQueue = widen(this.#maxQueue, new Int32Array(site * 2));
    }
    const queue = ++this.#queue[site]!;
    if (queue > this.#maxQueue[site]!) this.#maxQueue[site] = queue;
  }

  /** A wait is over. @param holder slot of the goroutine that ended it, −1 for none. */
  got(
    slot: number,
    site: number,
    stack: number,
    begin: number,
    end: number,
    holder: number,
    holderSite: number,
    holderStack: number,
  ): void {
    if (site < this.#queue.length && this.#queue[site]! > 0) this.#queue[site]!--;
    if (holder < 0) return;
    const wait = end - begin;
    this.#waits++;
    this.#total += wait;
    const since = this.#lockSite[holder] === site ? this.#acquired[holder]! : NaN;
    const chain = since === since ? this.#chain[holder]! + 1 : 1;
    this.#acquired[holder] = NaN;
    this.#chain[holder] = 0;
    this.#chain[slot] = chain;
    this.#acquired[slot] = end;
    this.#lockSite[slot] = site;
    const key = site * 65_536 + holderSite;
    let pair = this.#pairs.get(key);
    if (pair === undefined) {
      if (this.#pairs.size >= MAX_PAIRS) {
        this.#notTold++;
        return;
      }
      pair = {
        waiter: site,
        holder: holderSite,
        waits: 0,
        total: 0,
        max: -1,
        held: 0,
        heldExact: 0,
        convoyWaits: 0,
        longest: 0,
        waitStack: 0,
        holderStack: 0,
      };
      this.#pairs.set(key, pair);
    }
    pair.waits++;
    pair.total += wait;
    pair.held += since === since ? end - Math.max(begin, since) : wait;
    if (since === since) pair.heldExact++;
    if (chain >= CONVOY_LENGTH) pair.convoyWaits++;
    if (chain > pair.longest) pair.longest = chain;
    if (wait > pair.max) {
      pair.max = wait;
      pair.waitStack = stack;
      pair.holderStack = holderStack;
    }
  }

  result(sites: Sites, stacks: StackPool): LocksResult {
    const rows = [...this.#pairs.values()].sort((a, b) => b.total - a.total).slice(0, MAX_TOLD);
    return {
      waits: this.#waits,
      wait_ns: this.#total,
      rows: rows.map((pair) => ({
        waiter: sites.names.text(pair.waiter),
        holder: sites.names.text(pair.holder),
        waits: pair.waits,
        wait_ns: pair.total,
        max_wait_ns: pair.max,
        held_ns: pair.held,
        held_exact: pair.heldExact,
        max_queue: this.#maxQueue[pair.waiter] ?? 0,
        convoy_waits: pair.convoyWaits,
        longest_convoy: pair.longest,
        wait_stack: told(pair.waitStack, stacks),
        holder_stack: told(pair.holderStack, stacks),
      })),
      not_told: this.#notTold,
    };
  }
}
