/**
 * Numbers for ids: 0, 1, 2… in the order they are first seen, so that state is kept in arrays.
 *
 * Open addressing in typed arrays: a look-up per event in a Map of a million goroutines costs several times as much.
 */

const TWO_32 = 0x1_0000_0000;
const FREE = -1;

export class IdTable {
  /** The id of each number; `size` of them are in use. */
  ids = new Float64Array(64);
  size = 0;
  /** Numbers by hash; at most half full. */
  private slots = new Int32Array(128).fill(FREE);

  /** The number of an id, new if it was not seen before. */
  numberOf(id: number): number {
    const { ids, slots } = this;
    const mask = slots.length - 1;
    let slot = hash(id) & mask;
    for (let n = slots[slot]!; n !== FREE; n = slots[slot]!) {
      if (ids[n] === id) return n;
      slot = (slot + 1) & mask;
    }
    return this.add(id, slot);
  }

  private add(id: number, slot: number): number {
    const n = this.size++;
    if (n === this.ids.length) this.grow();
    this.ids[n] = id;
    // Growing has moved the slots: find the place again.
    if (n * 2 >= this.slots.length) this.rehash();
    else this.slots[slot] = n;
    return n;
  }

  private grow(): void {
    const ids = new Float64Array(this.ids.length * 2);
    ids.set(this.ids);
    this.ids = ids;
  }

  private rehash(): void {
    const slots = new Int32Array(this.slots.length * 2).fill(FREE);
    const mask = slots.length - 1;
    for (let n = 0; n < this.size; n++) {
      let slot = hash(this.ids[n]!) & mask;
      while (slots[slot] !== FREE) slot = (slot + 1) & mask;
      slots[slot] = n;
    }
    this.slots = slots;
  }
}

/** Knuth's multiplicative hash: ids come in runs, which it spreads. */
function hash(id: number): number {
  const low = id >= 0 && id < TWO_32 ? id : (id >>> 0) ^ Math.imul(Math.floor(id / TWO_32), 0x85eb_ca6b);
  const h = Math.imul(low, 0x9e37_79b1);
  return h ^ (h >>> 15);
}
