/**
 * Numbers for ids: 0, 1, 2… in the order they are first seen, so that state is kept in arrays.
 *
 * A Map of a million goroutines costs several times as much per look-up, and so does a hash of single ids: nearly each is
 * a miss of the cache. Goroutine ids come in runs of 16 for each P (Go's _GoidCacheBatch), so pages of 16 ids are
 * hashed, and a page is one cache line.
 */

const PAGE_SHIFT = 4;
const PAGE_IDS = 1 << PAGE_SHIFT;
/** Ids from here on, of which a process has few or none, are kept in a Map: below, all is integers. */
const FAST_IDS = 2 ** 31;

/** A power of two. Of more, the table would not stay in the first-level cache. */
const RECENT = 1024;

export class IdTable {
  /** The id of each number; `size` of them are in use. */
  ids = new Float64Array(64);
  size = 0;
  /** By slot: index of a page plus 1, 0 if free; at most half full. */
  private slots = new Int32Array(64);
  private pages = 0;
  /** By page: which one it is. */
  private keys = new Int32Array(32);
  /** Of each page: the numbers of its ids plus 1, 0 if new. */
  private numbers = new Int32Array(32 * PAGE_IDS);
  private readonly others = new Map<number, number>();
  /** The numbers of the ids asked for lately: who was woken is soon started. */
  private readonly recentIds = new Int32Array(RECENT).fill(-1);
  private readonly recentNumbers = new Int32Array(RECENT);

  /** The number of an id (a safe integer), new if it was not seen before. */
  numberOf(id: number): number {
    if (id < 0 || id >= FAST_IDS) return this.otherNumberOf(id);
    const recent = id & (RECENT - 1);
    if (this.recentIds[recent] === id) return this.recentNumbers[recent]!;
    const n = this.lookUp(id);
    this.recentIds[recent] = id;
    this.recentNumbers[recent] = n;
    return n;
  }

  private lookUp(id: number): number {
    const inPage = id & (PAGE_IDS - 1);
    const key = id >>> PAGE_SHIFT;
    const mask = this.slots.length - 1;
    let slot = hash(key) & mask;
    let page = this.slots[slot]!;
    while (page !== 0 && this.keys[page - 1] !== key) {
      slot = (slot + 1) & mask;
      page = this.slots[slot]!;
    }
    if (page === 0) page = this.addPage(key, slot);
    const at = (page - 1) * PAGE_IDS + inPage;
    const known = this.numbers[at]!;
    return known === 0 ? this.add(id, at) : known - 1;
  }

  private otherNumberOf(id: number): number {
    let n = this.others.get(id);
    if (n === undefined) {
      n = this.append(id);
      this.others.set(id, n);
    }
    return n;
  }

  private add(id: number, at: number): number {
    const n = this.append(id);
    this.numbers[at] = n + 1;
    return n;
  }

  private append(id: number): number {
    const n = this.size++;
    if (n === this.ids.length) {
      const ids = new Float64Array(n * 2);
      ids.set(this.ids);
      this.ids = ids;
    }
    this.ids[n] = id;
    return n;
  }

  /** Returns the index of a new page, plus 1. */
  private addPage(key: number, slot: number): number {
    const page = this.pages++;
    if (page === this.keys.length) {
      const keys = new Int32Array(page * 2);
      keys.set(this.keys);
      this.keys = keys;
      const numbers = new Int32Array(page * 2 * PAGE_IDS);
      numbers.set(this.numbers);
      this.numbers = numbers;
    }
    this.keys[page] = key;
    this.slots[slot] = page + 1;
    if (this.pages * 2 > this.slots.length) this.rehash();
    return page + 1;
  }

  private rehash(): void {
    const slots = new Int32Array(this.slots.length * 2);
    const mask = slots.length - 1;
    for (let page = 0; page < this.pages; page++) {
      let slot = hash(this.keys[page]!) & mask;
      while (slots[slot] !== 0) slot = (slot + 1) & mask;
      slots[slot] = page + 1;
    }
    this.slots = slots;
  }
}

/** Knuth's multiplicative hash: pages come in runs, which it spreads. */
function hash(key: number): number {
  const h = Math.imul(key, 0x9e37_79b1);
  return h ^ (h >>> 15);
}
