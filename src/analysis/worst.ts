/** The N items with the greatest values of all that are offered. */

export class Worst<T> {
  readonly #bound: number;
  readonly #items: { readonly value: number; readonly item: T }[] = [];
  /** An item must be above it. */
  #floor = -Infinity;

  constructor(bound: number) {
    this.#bound = bound;
    if (bound === 0) this.#floor = Infinity;
  }

  /** Whether an item of this value would be kept: ask before making it. */
  takes(value: number): boolean {
    return value > this.#floor;
  }

  /** Keeps an item if it is among the worst; of equal ones the first. */
  add(value: number, item: T): void {
    if (!this.takes(value)) return;
    let at = this.#items.length;
    while (at > 0 && this.#items[at - 1]!.value < value) at--;
    this.#items.splice(at, 0, { value, item });
    if (this.#items.length > this.#bound) this.#items.pop();
    if (this.#items.length === this.#bound) this.#floor = this.#items.at(-1)!.value;
  }

  /** Worst first. */
  get items(): readonly T[] {
    return this.#items.map(({ item }) => item);
  }
}
