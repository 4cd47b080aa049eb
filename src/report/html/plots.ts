/**
 * Plots as inline SVG. They stretch with the page, so only shapes are in the SVG: numbers stand beside it as text, which
 * a phone does not shrink. Every plot has a title that says what it shows, and a table of its numbers.
 */

import { latencyBounds } from "../../analysis/tasks.ts";
import type { SeriesResult } from "../../analysis/series.ts";
import type { Distribution } from "../../analysis/sketch.ts";
import { duration, integer } from "../format.ts";
import { right } from "../model.ts";
import { html, tableMarkup } from "./markup.ts";
import type { Markup } from "./markup.ts";

/** Width and height of a plot's own coordinates. */
const W = 1000;
const H = 100;
/** A histogram of fewer would look like a wall. */
const LEAST_BUCKETS = 9;
/** Rows of a plot's table: a reader of a series wants its shape. */
const TABLE_ROWS = 40;

export type Colour =
  | "exec"
  | "sched"
  | "syscall"
  | "sync"
  | "network"
  | "sleep"
  | "chan"
  | "select"
  | "gc"
  | "other"
  | "accent"
  | "bad"
  | "soft"
  | "text";

export interface Line {
  readonly label: string;
  readonly series: SeriesResult;
  readonly colour: Colour;
  /** `area`: filled up to the greatest level of each bucket; `line`: the mean. */
  readonly shape: "area" | "line" | "dashed";
}

export interface TimePlot {
  readonly title: string;
  readonly summary: string;
  /** Length of the trace. */
  readonly duration: number;
  readonly lines: readonly Line[];
  /** Spans behind the lines. */
  readonly bands?: { readonly label: string; readonly spans: readonly (readonly [number, number])[] };
  /** Moments marked in front. */
  readonly marks?: { readonly label: string; readonly at: readonly { at: number; text: string }[] };
  readonly format: (value: number) => string;
  readonly top: (greatest: number) => number;
}

/** Levels over the time of the trace. */
export function timePlot(plot: TimePlot): Markup {
  const { title, summary, lines, bands, marks, format } = plot;
  const x = (ns: number): number => round((ns / Math.max(1, plot.duration)) * W);
  const greatest = Math.max(0, ...lines.flatMap(({ series }) => series.max.map((value) => value ?? 0)));
  const top = plot.top(greatest);
  const y = (value: number): number => round(H - (value / top) * H);
  return html`<figure class="card">
    <figcaption>
      <h3>${title}</h3>
      <ul class="legend">
        ${lines.map(
          (line) => html`<li><i class="f-${line.colour}"></i>${line.label}</li>`,
        )}${bands !== undefined && bands.spans.length > 0 && html`<li><i class="f-gc"></i>${bands.label}</li>`}${marks !== undefined && marks.at.length > 0 && html`<li><i class="f-bad"></i>${marks.label}</li>`}
      </ul>
    </figcaption>
    <div class="plot">
      <div class="y"><span>${format(top)}</span><span>${format(top / 2)}</span><span>0</span></div>
      <svg class="time" viewBox="0 0 ${W} ${H}" preserveAspectRatio="none" role="img" aria-label="${summary}">
        <title>${summary}</title>
        ${[0, H / 2, H].map((at) => html`<line class="grid" x1="0" x2="${W}" y1="${at}" y2="${at}" />`)}
        ${(bands?.spans ?? []).map(([from, to]) => html`<rect class="band f-gc" x="${x(from)}" y="0" width="${round(Math.max(0.5, x(to) - x(from)))}" height="${H}" />`)}
        ${lines.map((line) => lineMarkup(line, x, y))}
        ${(marks?.at ?? []).map(({ at, text }) => html`<line class="mark s-bad" x1="${x(at)}" x2="${x(at)}" y1="0" y2="12"><title>${text}</title></line>`)}
      </svg>
      <div class="x">
        <span>0</span><span>${duration(plot.duration / 2)}</span><span>${duration(plot.duration)}</span>
      </div>
    </div>
    ${seriesTable(plot)}
  </figure>`;
}

function lineMarkup(
  { series, colour, shape }: Line,
  x: (ns: number) => number,
  y: (value: number) => number,
): Markup {
  const values = shape === "area" ? series.max : series.mean;
  const d = steps(values, series.bucket_ns, x, y);
  if (shape !== "area")
    return html`<path class="stroke s-${colour}${shape === "dashed" ? " dash" : ""}" d="${path(d)}" />`;
  const filled = d.map((run) => `${run}V${H}H${run.slice(1, run.indexOf(" "))}Z`);
  return html`<path class="area f-${colour}" d="${path(filled)}" /><path
      class="stroke s-${colour}"
      d="${path(d)}"
    />`;
}

/** A path is longer than what a name may be, and holds numbers alone. */
const path = (runs: readonly string[]): Markup => ({ markup: runs.join("") });

/** One path a run of known values: `Mx yHxVy…`. */
function steps(
  values: readonly (number | null)[],
  width: number,
  x: (ns: number) => number,
  y: (value: number) => number,
): string[] {
  const runs: string[] = [];
  let run = "";
  values.forEach((value, i) => {
    if (value === null) {
      if (run !== "") runs.push(run);
      run = "";
      return;
    }
    run += run === "" ? `M${x(i * width)} ${y(value)}` : `V${y(value)}`;
    run += `H${Math.min(W, x((i + 1) * width))}`;
  });
  if (run !== "") runs.push(run);
  return runs;
}

function seriesTable({ title, lines, format }: TimePlot): Markup {
  const width = Math.max(0, ...lines.map(({ series }) => series.bucket_ns));
  const first = lines[0]?.series;
  if (first === undefined || width === 0) return html``;
  const count = Math.ceil((first.mean.length * first.bucket_ns) / width);
  const step = Math.ceil(count / TABLE_ROWS) * width;
  const rows = Array.from({ length: Math.ceil((count * width) / step) }, (_, i) => [
    duration(i * step),
    ...lines.map(({ series }) => {
      const part = series.max.slice(
        Math.floor((i * step) / series.bucket_ns),
        Math.ceil(((i + 1) * step) / series.bucket_ns),
      );
      const known = part.filter((value) => value !== null);
      return known.length === 0 ? "-" : format(Math.max(...known));
    }),
  ]);
  const columns = [right("from"), ...lines.map(({ label }) => right(`${label}, at most`))];
  return html`<details>
    <summary>As a table</summary>
    ${tableMarkup({ columns, rows }, `${title} over time`)}
  </details>`;
}

/** How many took how long, in the buckets of `latencyBounds`. */
export function histogramPlot(
  title: string,
  latency: Distribution,
  counts: readonly number[],
  note?: Markup,
): Markup {
  const first = Math.max(
    0,
    counts.findIndex((count) => count > 0),
  );
  const last = counts.findLastIndex((count) => count > 0);
  const spare = Math.max(2, LEAST_BUCKETS - (last - first + 1));
  const from = Math.max(0, first - Math.ceil(spare / 2));
  const to = Math.min(counts.length - 1, from + Math.max(last, first) - first + spare);
  const shown = counts.slice(from, to + 1);
  const most = Math.max(1, ...shown);
  const width = W / shown.length;
  const place = (ns: number): number => round(bucketPlace(ns, from) * width);
  const summary = `${title}: ${integer(latency.count)} in all, half within ${duration(latency.p50_ns)}, 99% within ${duration(latency.p99_ns)}, longest ${duration(latency.max_ns)}`;
  const label = (i: number): string => `${bound(from + i - 1)} to ${bound(from + i)}`;
  return html`<figure class="card">
    <figcaption>
      <h3>${title}</h3>
      <span class="soft">${integer(latency.count)} in all</span>
    </figcaption>
    <div class="plot bare">
      <svg
        class="histogram"
        viewBox="0 0 ${W} ${H}"
        preserveAspectRatio="none"
        role="img"
        aria-label="${summary}"
      >
        <title>${summary}</title>
        <line class="grid" x1="0" x2="${W}" y1="${H}" y2="${H}" />
        ${shown.map((count, i) => {
          // What is there is seen: one slow task among a million is why this is read.
          const height = count === 0 ? 0 : Math.max(3, (count / most) * H);
          return html`<rect
            class="f-accent"
            x="${round(i * width + width * 0.06)}"
            y="${round(H - height)}"
            width="${round(width * 0.88)}"
            height="${round(height)}"
            ><title>${label(i)}: ${integer(count)}</title></rect
          >`;
        })}
        ${[["p50", latency.p50_ns, "text"] as const, ["p99", latency.p99_ns, "bad"] as const].map(
          ([name, ns, colour]) =>
            html`<line class="mark dash s-${colour}" x1="${place(ns)}" x2="${place(ns)}" y1="0" y2="${H}"
              ><title>${name}: ${duration(ns)}</title></line
            >`,
        )}
      </svg>
      <div class="x">
        <span>${bound(from - 1)}</span><span>${bound((from + to - 1) >> 1)}</span><span>${bound(to)}</span>
      </div>
    </div>
    <p class="soft">
      p50 ${duration(latency.p50_ns)} · p95 ${duration(latency.p95_ns)} · p99
      <b>${duration(latency.p99_ns)}</b> · max ${duration(latency.max_ns)}
    </p>
    ${note}
    <details>
      <summary>As a table</summary>
      ${tableMarkup(
        {
          columns: [right("from"), right("to"), right("count")],
          rows: shown.map((count, i) => [bound(from + i - 1), bound(from + i), integer(count)]),
        },
        `${title}: latency histogram`,
      )}
    </details>
  </figure>`;
}

/** Edge between bucket `i` and the next. */
function bound(i: number): string {
  const ns = latencyBounds[i];
  if (ns !== undefined) return duration(ns);
  return i < 0 ? "0" : `over ${duration(latencyBounds.at(-1) ?? 0)}`;
}

/** Where a latency lies, in buckets from the first shown one; by its logarithm within a bucket. */
function bucketPlace(ns: number, from: number): number {
  const next = latencyBounds.findIndex((edge) => ns < edge);
  const i = next < 0 ? latencyBounds.length : next;
  const low = latencyBounds[i - 1];
  const high = latencyBounds[i];
  const part = low === undefined || high === undefined ? 0.5 : Math.log(ns / low) / Math.log(high / low);
  return i - from + part;
}

export interface BarPart {
  readonly label: string;
  readonly value: number;
  readonly colour: Colour;
}

/** Parts of a whole, as one bar. @param whole what the full width stands for. */
export function barPlot(parts: readonly BarPart[], whole: number, summary: string): Markup {
  let at = 0;
  return html`<svg
    class="bar"
    viewBox="0 0 ${W} 14"
    preserveAspectRatio="none"
    role="img"
    aria-label="${summary}"
  >
    <title>${summary}</title>
    <rect class="grid" fill="none" x="0" y="0" width="${W}" height="14" />
    ${parts.map(({ label, value, colour }) => {
      const width = whole > 0 ? (value / whole) * W : 0;
      at += width;
      return html`<rect class="f-${colour}" x="${round(at - width)}" y="0" width="${round(width)}" height="14"
        ><title>${label}: ${duration(value)}</title></rect
      >`;
    })}
  </svg>`;
}

export interface LaneSpan {
  readonly from: number;
  readonly to: number;
  readonly label: string;
  readonly colour: Colour;
}

/** What came after what, on one line. Times from `begin` to `end`. */
export function lanePlot(spans: readonly LaneSpan[], begin: number, end: number, summary: string): Markup {
  const x = (ns: number): number => round(((ns - begin) / Math.max(1, end - begin)) * W);
  return html`<svg
    class="lane"
    viewBox="0 0 ${W} 22"
    preserveAspectRatio="none"
    role="img"
    aria-label="${summary}"
  >
    <title>${summary}</title>
    <line class="grid" x1="0" x2="${W}" y1="11" y2="11" />
    ${spans.map(
      (span) =>
        html`<rect
          class="f-${span.colour}"
          x="${x(span.from)}"
          y="2"
          width="${round(Math.max(1, x(span.to) - x(span.from)))}"
          height="18"
          ><title>${span.label}: ${duration(span.to - span.from)} from ${duration(span.from)} on</title></rect
        >`,
    )}
  </svg>`;
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** The next of 1, 2, 4, 6, 8, 10 × 10^n. */
export function roundedUp(value: number): number {
  if (value <= 1) return 1;
  const step = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 4, 6, 8].find((times) => times * step >= value) ?? 10) * step;
}

/** The next eighth of a power of two: sizes are read in binary units. */
export function roundedUpBinary(value: number): number {
  if (value <= 8) return 8;
  const step = 2 ** (Math.ceil(Math.log2(value)) - 3);
  return Math.ceil(value / step) * step;
}
