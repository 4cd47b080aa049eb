/** Wire ids → dense indexes. Ids are dense in practice, but nothing in the format says so. */

/** Ids up to this many times their count (and a little more) are looked up in an array, others in a map. */
const DENSE_SLACK = 4;

export class IdIndex {
  #ids = new Float64Array(64);
  #count = 0;
  #maxId = 0;
  /** By id: index + 1, 0 if there is none. Empty until `seal`, or if the ids are sparse. */
  #dense = new Int32Array(0);
  #sparse: Map<number, number> | undefined;

  get count(): number {
    return this.#count;
  }

  /** Takes the next id; its index is the count so far plus one. Index 0 is "none". */
  push(id: number): void {
    if (this.#count === this.#ids.length) {
      const wider = new Float64Array(this.#count * 2);
      wider.set(this.#ids);
      this.#ids = wider;
    }
    this.#ids[this.#count++] = id;
    if (id > this.#maxId) this.#maxId = id;
  }

  /** Makes the index. Returns an id that is there twice (or is 0, which means none), or undefined. */
  seal(): number | undefined {
    const dense = this.#maxId <= this.#count * DENSE_SLACK + 1024;
    const table = dense ? new Int32Array(this.#maxId + 1) : undefined;
    const sparse = new Map<number, number>();
    for (let i = 0; i < this.#count; i++) {
      const id = this.#ids[i]!;
      if (id === 0) return id;
      if (table !== undefined && id > 0) {
        if (table[id] !== 0) return id;
        table[id] = i + 1;
      } else {
        if (sparse.has(id)) return id;
        sparse.set(id, i + 1);
      }
    }
    if (table !== undefined) this.#dense = table;
    if (sparse.size > 0) this.#sparse = sparse;
    return undefined;
  }

  /** The table of the dense case, for the hot loop: index by id, 0 if absent (and for id 0). */
  get table(): Int32Array {
    return this.#dense;
  }

  /** Index of an id, 0 for id 0, −1 if there is no such id. */
  find(id: number): number {
    if (id === 0) return 0;
    if (id > 0 && id < this.#dense.length) {
      const index = this.#dense[id]!;
      return index === 0 ? -1 : index;
    }
    return this.#sparse?.get(id) ?? -1;
  }

  /** The wire id of an index. */
  idOf(index: number): number {
    return index === 0 ? 0 : this.#ids[index - 1]!;
  }
}
