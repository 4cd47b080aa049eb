/**
 * Numbers for contents that come again and again under other indexes: the functions and stacks of one process, which each
 * generation tells anew. A content is known by two hashes of 32 bits, which is as good as comparing it.
 */

const FIRST_SLOTS = 256;

export class ContentNumbers {
  /** Open addressing, at most half full: the hashes, and the number plus one; 0 is free. */
  #first = new Int32Array(FIRST_SLOTS);
  #second = new Int32Array(FIRST_SLOTS);
  #numbers = new Int32Array(FIRST_SLOTS);
  /** Contents known; their numbers are below. */
  count = 0;

  /** Number of the content with these hashes. One that is new gets what `count` was. */
  number(first: number, second: number): number {
    const mask = this.#numbers.length - 1;
    let slot = (first ^ (first >>> 15)) & mask;
    for (let number = this.#numbers[slot]!; number !== 0; number = this.#numbers[slot]!) {
      if (this.#first[slot] === first && this.#second[slot] === second) return number - 1;
      slot = (slot + 1) & mask;
    }
    this.#first[slot] = first;
    this.#second[slot] = second;
    this.#numbers[slot] = ++this.count;
    if (this.count * 2 > mask) this.#grow();
    return this.count - 1;
  }

  clear(): void {
    this.#numbers.fill(0);
    this.count = 0;
  }

  #grow(): void {
    const [first, second, numbers] = [this.#first, this.#second, this.#numbers];
    const slots = numbers.length * 2;
    this.#first = new Int32Array(slots);
    this.#second = new Int32Array(slots);
    this.#numbers = new Int32Array(slots);
    for (let i = 0; i < numbers.length; i++) {
      let slot = (first[i]! ^ (first[i]! >>> 15)) & (slots - 1);
      if (numbers[i] === 0) continue;
      while (this.#numbers[slot] !== 0) slot = (slot + 1) & (slots - 1);
      this.#first[slot] = first[i]!;
      this.#second[slot] = second[i]!;
      this.#numbers[slot] = numbers[i]!;
    }
  }
}

/** Begins of the two hashes (FNV-1a with two starts and two primes). */
export const FIRST_HASH = 0x811c_9dc5 | 0;
export const SECOND_HASH = 0x2f0b_1e37;
export const mixFirst = (hash: number, value: number): number => Math.imul(hash ^ value, 0x0100_0193);
export const mixSecond = (hash: number, value: number): number => {
  // The high bits come down, since a multiplication only carries up.
  const mixed = Math.imul(hash ^ value, 0x01b3_0fd5);
  return mixed ^ (mixed >>> 13);
};
