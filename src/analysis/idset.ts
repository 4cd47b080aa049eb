/** A set of ids that are handed out in sequence: a bit an id, in pages of 32,768 ids. 6 million ids take 0.8 MB. */

const PAGE_BITS = 15;
const PAGE_WORDS = 1 << (PAGE_BITS - 5);
/** 64 MB of pages, half a billion ids in sequence. */
const MAX_PAGES = 1 << 14;

export class IdSet {
  readonly #pages = new Map<number, Uint32Array>();
  #lastPage = -1;
  #last: Uint32Array | undefined;
  /** Ids not taken in, since they were spread too wide. */
  overflow = 0;

  has(id: number): boolean {
    const page = this.#page(Math.floor(id / (1 << PAGE_BITS)));
    if (page === undefined) return false;
    return (page[(id & ((1 << PAGE_BITS) - 1)) >>> 5]! & (1 << (id & 31))) !== 0;
  }

  add(id: number): void {
    const number = Math.floor(id / (1 << PAGE_BITS));
    let page = this.#page(number);
    if (page === undefined) {
      if (this.#pages.size >= MAX_PAGES) {
        this.overflow++;
        return;
      }
      page = new Uint32Array(PAGE_WORDS);
      this.#pages.set(number, page);
      this.#last = page;
    }
    page[(id & ((1 << PAGE_BITS) - 1)) >>> 5]! |= 1 << (id & 31);
  }

  #page(number: number): Uint32Array | undefined {
    if (number === this.#lastPage) return this.#last;
    this.#lastPage = number;
    this.#last = this.#pages.get(number);
    return this.#last;
  }
}
