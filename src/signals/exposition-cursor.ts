/** A cursor over one line of an exposition. */

/** Why a line cannot be read, and where. */
export class LineError extends Error {
  readonly column: number;

  constructor(column: number, message: string) {
    super(message);
    this.column = column;
  }
}

const METRIC_NAME = /[a-zA-Z_:][a-zA-Z0-9_:]*/y;
const LABEL_NAME = /[a-zA-Z_][a-zA-Z0-9_]*/y;
/** What Go's strconv.ParseFloat reads, but for digits grouped by underscores. */
const DECIMAL = /[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?=[ \t]|$)/y;
const SPECIAL = /[+-]?(?:nan|inf|infinity)(?=[ \t]|$)/iy;
const HEXADECIMAL = /([+-]?)0[xX]([0-9a-fA-F]*)\.?([0-9a-fA-F]*)[pP]([+-]?\d+)(?=[ \t]|$)/y;
const WORD = /[^ \t]*/y;
const BLANKS = /[ \t]*/y;

export class LineCursor {
  readonly #line: string;
  #at = 0;

  constructor(line: string) {
    this.#line = line;
  }

  get done(): boolean {
    return this.#at >= this.#line.length;
  }

  /** The next character, "" at the end. */
  get peek(): string {
    return this.#line.charAt(this.#at);
  }

  get rest(): string {
    return this.#line.slice(this.#at);
  }

  error(message: string): LineError {
    return new LineError(this.#at + 1, message);
  }

  skipBlanks(): void {
    this.#match(BLANKS);
  }

  /** Whether the next character is this one. */
  is(character: string): boolean {
    return this.peek === character;
  }

  /** Whether the next character is this one; it is gone then. */
  take(character: string): boolean {
    if (!this.is(character)) return false;
    this.#at++;
    return true;
  }

  expect(character: string): void {
    if (!this.take(character)) throw this.error(`expected ${character}, found ${JSON.stringify(this.peek)}`);
  }

  /** Up to the next blank; may be empty. */
  word(): string {
    return this.#match(WORD)?.[0] ?? "";
  }

  name(what: string, isMetric: boolean): string {
    const match = this.#match(isMetric ? METRIC_NAME : LABEL_NAME);
    if (match === null) throw this.error(`expected ${what}, found ${JSON.stringify(this.peek)}`);
    return match[0];
  }

  /** A quoted text with `\\`, `\"` and `\n`; a backslash before anything else stands for itself. */
  quoted(): string {
    this.expect('"');
    let text = "";
    for (;;) {
      const from = this.#at;
      while (this.#at < this.#line.length && this.peek !== '"' && this.peek !== "\\") this.#at++;
      text += this.#line.slice(from, this.#at);
      if (this.take('"')) return text;
      if (!this.take("\\")) throw this.error("the quoted text does not end");
      const escaped = this.peek;
      this.#at++;
      text += escaped === "n" ? "\n" : escaped === "\\" || escaped === '"' ? escaped : `\\${escaped}`;
    }
  }

  float(what: string): number {
    const decimal = this.#match(DECIMAL);
    if (decimal !== null) return Number(decimal[0]);
    const special = this.#match(SPECIAL);
    if (special !== null) {
      if (/nan/i.test(special[0])) return Number.NaN;
      return special[0].startsWith("-") ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    }
    const at = this.#at;
    const hex = this.#match(HEXADECIMAL);
    const [, sign = "", whole = "", fraction = "", exponent = ""] = hex ?? [];
    if (whole + fraction === "") {
      this.#at = at;
      throw this.error(`expected ${what}, found ${JSON.stringify(this.word())}`);
    }
    const digits = Number(`0x${whole}${fraction}`) * 2 ** (Number(exponent) - 4 * fraction.length);
    return sign === "-" ? -digits : digits;
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#line);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }
}
