/** Texts that outlive a generation (names of functions, tasks, reasons) by number, and their bounds. */

/** What stands for everything beyond a bound on the number of label values. */
export const OTHER = "(other)";
/** What stands for a name the trace does not tell. */
export const UNKNOWN = "unknown";

/** Cut to at most `max` UTF-16 units, with a mark that it was cut. Never ends in half a surrogate pair. */
export function cutText(text: string, max: number): string {
  if (text.length <= max) return text;
  const end = max - 1;
  const last = text.charCodeAt(end - 1);
  return `${text.slice(0, last >= 0xd800 && last < 0xdc00 ? end - 1 : end)}…`;
}

/** Names by number. Number 0 is `UNKNOWN`, number 1 is `OTHER`, which also stands for every name beyond the limit. */
export class Names {
  readonly #limit: number;
  readonly #maxLength: number;
  readonly #ids = new Map<string, number>();
  readonly #texts: string[] = [];

  constructor(limit: number, maxLength: number) {
    this.#limit = limit;
    this.#maxLength = maxLength;
    this.id(UNKNOWN);
    this.id(OTHER);
  }

  get count(): number {
    return this.#texts.length;
  }

  /** Whether the next new name would be `OTHER`. */
  get isFull(): boolean {
    return this.#texts.length >= this.#limit;
  }

  id(name: string): number {
    const text = cutText(name, this.#maxLength);
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    if (this.isFull) return 1;
    const id = this.#texts.length;
    this.#ids.set(text, id);
    // A string of its own: a slice would keep the text it was cut from.
    this.#texts.push(text);
    return id;
  }

  text(id: number): string {
    return this.#texts[id] ?? UNKNOWN;
  }

  /** Forgets the names that are not in `live`. Gives the new number of each old one; those forgotten become 0. */
  compact(live: Uint8Array): Int32Array {
    const renumbered = new Int32Array(this.#texts.length);
    const texts = [...this.#texts];
    this.#ids.clear();
    this.#texts.length = 0;
    for (const [old, text] of texts.entries()) {
      if (old > 1 && live[old] !== 1) continue;
      renumbered[old] = this.#texts.length;
      this.#ids.set(text, this.#texts.length);
      this.#texts.push(text);
    }
    return renumbered;
  }
}
