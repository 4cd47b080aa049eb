/**
 * Prometheus' text format 0.0.4 and OpenMetrics 1.0, line by line. Strict in what is a sample, forgiving in the rest: a
 * line that cannot be read costs that line and is counted, whitespace may be anywhere the formats allow it, and names
 * may be quoted UTF-8 (Prometheus 3).
 *
 *     line    = blank | "#" comment | "# TYPE" name type | "# EOF" | sample
 *     sample  = name [ labels ] value [ timestamp ] [ exemplar ]
 *             | "{" quoted name [ "," label ]* "}" value …
 *     labels  = "{" [ label [ "," label ]* [ "," ] ] "}"
 *     label   = ( name | quoted ) "=" quoted
 *
 * Spec: https://prometheus.io/docs/instrumenting/exposition_formats/ and the OpenMetrics 1.0 specification.
 */

import { LineCursor, LineError } from "./exposition-cursor.ts";
import type { Labels } from "./signal.ts";

export type MetricType =
  | "counter"
  | "gauge"
  | "histogram"
  | "gaugehistogram"
  | "summary"
  | "info"
  | "stateset"
  | "unknown";

export interface MetricSample {
  /** As written: of a histogram with its `_bucket`, `_sum` or `_count`. */
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
  /** Epoch milliseconds, where the exposition says so. */
  readonly timestamp: number | undefined;
}

export interface ExpositionOptions {
  /** By the Content-Type. It decides the unit of timestamps: ms in the text format, seconds in OpenMetrics. */
  readonly format?: "text" | "openmetrics";
  /** Samples read; the rest is counted in `skipped`. */
  readonly maxSamples?: number;
  /** UTF-16 units of a line; a longer one is a bad line. */
  readonly maxLineLength?: number;
  /** Labels of a sample; one with more is a bad line. */
  readonly maxLabels?: number;
}

/** One line that could not be read. */
export interface BadLine {
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units. */
  readonly column: number;
  readonly message: string;
}

const DEFAULTS = { format: "text", maxSamples: 50_000, maxLineLength: 65_536, maxLabels: 128 } as const;
/** Bad lines that are kept to be shown; all are counted. */
const BAD_LINES_KEPT = 10;

const TYPES: Readonly<Record<string, MetricType>> = {
  counter: "counter",
  gauge: "gauge",
  histogram: "histogram",
  gaugehistogram: "gaugehistogram",
  summary: "summary",
  info: "info",
  stateset: "stateset",
  unknown: "unknown",
  untyped: "unknown",
};

export class ExpositionParser {
  readonly samples: MetricSample[] = [];
  /** By family name: without `_bucket` and the like; of an OpenMetrics counter without `_total`. */
  readonly types = new Map<string, MetricType>();
  readonly badLines: BadLine[] = [];
  /** All lines that could not be read. */
  badLineCount = 0;
  /** Samples beyond `maxSamples`. */
  skipped = 0;
  /** Whether OpenMetrics' end mark was there: without it, the exposition may have been cut. */
  sawEof = false;
  readonly #options: Required<ExpositionOptions>;
  #rest = "";
  /** The rest is already longer than a line may be: nothing more of it is kept. */
  #tooLong = false;
  #line = 0;

  constructor(options: ExpositionOptions = {}) {
    this.#options = { ...DEFAULTS, ...options };
  }

  /** Takes text in any split. */
  push(chunk: string): void {
    let from = 0;
    for (let end = chunk.indexOf("\n"); end >= 0; end = chunk.indexOf("\n", from)) {
      this.#keep(chunk.slice(from, end));
      this.#endLine();
      from = end + 1;
    }
    this.#keep(chunk.slice(from));
  }

  /** The exposition is over; its last line may lack the line feed. */
  end(): void {
    if (this.#rest !== "" || this.#tooLong) this.#endLine();
  }

  #keep(part: string): void {
    if (this.#rest.length + part.length > this.#options.maxLineLength) {
      this.#tooLong = true;
      this.#rest = "";
    } else if (!this.#tooLong) this.#rest += part;
  }

  #endLine(): void {
    this.#line++;
    const line = this.#rest.endsWith("\r") ? this.#rest.slice(0, -1) : this.#rest;
    const { maxLineLength } = this.#options;
    try {
      if (this.#tooLong) throw new LineError(maxLineLength, `the line is longer than ${maxLineLength}`);
      if (!this.sawEof) this.#read(new LineCursor(line));
    } catch (error) {
      if (!(error instanceof LineError)) throw error;
      this.badLineCount++;
      const { column, message } = error;
      if (this.badLines.length < BAD_LINES_KEPT) this.badLines.push({ line: this.#line, column, message });
    }
    this.#rest = "";
    this.#tooLong = false;
  }

  #read(cursor: LineCursor): void {
    cursor.skipBlanks();
    if (cursor.done) return;
    if (cursor.take("#")) this.#comment(cursor);
    else this.#sample(cursor);
  }

  #comment(cursor: LineCursor): void {
    cursor.skipBlanks();
    const word = cursor.word();
    if (word === "EOF" && this.#options.format === "openmetrics" && cursor.rest.trim() === "")
      this.sawEof = true;
    if (word !== "TYPE") return;
    cursor.skipBlanks();
    const name = cursor.is('"') ? cursor.quoted() : cursor.word();
    cursor.skipBlanks();
    const type = TYPES[cursor.word()];
    // Anything may follow "# TYPE" in a comment: what declares no type is just that.
    if (type !== undefined && name !== "") this.types.set(name, type);
  }

  #sample(cursor: LineCursor): void {
    let name = cursor.is("{") ? "" : cursor.name("a metric's name", true);
    const labels: Record<string, string> = Object.create(null) as Record<string, string>;
    cursor.skipBlanks();
    if (cursor.take("{")) name = this.#labels(cursor, name, labels);
    if (name === "") throw cursor.error("a metric's name is missing");
    cursor.skipBlanks();
    const value = cursor.float("a value");
    cursor.skipBlanks();
    let timestamp: number | undefined;
    if (!cursor.done && !cursor.is("#")) {
      timestamp = cursor.float("a timestamp") * (this.#options.format === "openmetrics" ? 1000 : 1);
      cursor.skipBlanks();
    }
    // An exemplar: checked no further, since nothing looks at it.
    if (!cursor.done && !cursor.is("#")) throw cursor.error("expected the end of the line");
    if (this.samples.length >= this.#options.maxSamples) this.skipped++;
    else this.samples.push({ name, labels: { ...labels }, value, timestamp });
  }

  /** Up to and with the closing brace. The metric's name may be the first thing inside, quoted. */
  #labels(cursor: LineCursor, name: string, labels: Record<string, string>): string {
    let found = name;
    let count = 0;
    for (;;) {
      cursor.skipBlanks();
      if (cursor.take("}")) return found;
      const isQuoted = cursor.is('"');
      const label = isQuoted ? cursor.quoted() : cursor.name("a label's name", false);
      cursor.skipBlanks();
      if (isQuoted && found === "" && count === 0 && !cursor.is("=")) found = label;
      else {
        cursor.expect("=");
        cursor.skipBlanks();
        if (++count > this.#options.maxLabels)
          throw cursor.error(`more than ${this.#options.maxLabels} labels`);
        if (label in labels) throw cursor.error(`the label ${label} is there twice`);
        labels[label] = cursor.quoted();
        cursor.skipBlanks();
      }
      if (!cursor.is("}")) cursor.expect(",");
    }
  }
}

/** A whole exposition at once. */
export function parseExposition(text: string, options: ExpositionOptions = {}): ExpositionParser {
  const parser = new ExpositionParser(options);
  parser.push(text);
  parser.end();
  return parser;
}
