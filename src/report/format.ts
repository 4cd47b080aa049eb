/** Numbers as people read them: three significant digits, a unit that fits. */

import { formatSize } from "../base/size.ts";

const UNITS: readonly (readonly [string, number])[] = [
  ["ns", 1],
  ["µs", 1e3],
  ["ms", 1e6],
  ["s", 1e9],
];

/** `81.1ms`, `2.48s`, `193ns`; from two minutes on `3m07s`, from two hours on `2h05m`. */
export function duration(ns: number): string {
  if (ns < 0) return `-${duration(-ns)}`;
  if (ns >= 7200e9) {
    const minutes = Math.round(ns / 60e9);
    return `${Math.floor(minutes / 60)}h${String(minutes % 60).padStart(2, "0")}m`;
  }
  if (ns >= 120e9) {
    const seconds = Math.round(ns / 1e9);
    return `${Math.floor(seconds / 60)}m${String(seconds % 60).padStart(2, "0")}s`;
  }
  // 999.7 µs is written as 1ms, not as 1000µs.
  const [unit, least] = UNITS.findLast(([, one], i) => i === 0 || ns >= one * 0.9995) ?? ["ns", 1];
  return `${significant(ns / least)}${unit}`;
}

/** Three significant digits, no exponent, no zeros at the end: `0.193`, `12.4`, `1234`. */
export function significant(value: number): string {
  return Math.abs(value) >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

/** A share of 0 to 1: `12%`, `3.4%`, `<0.1%`. */
export function percent(share: number): string {
  const value = share * 100;
  if (value === 0) return "0%";
  if (value < 0.1) return "<0.1%";
  return value < 9.95 ? `${Number(value.toFixed(1))}%` : `${Math.round(value)}%`;
}

/** `198,630` */
export function integer(value: number): string {
  return Math.round(value)
    .toString()
    .replace(/\B(?=(?:\d{3})+$)/g, ",");
}

/** `4.2MiB` */
export function size(bytes: number): string {
  return formatSize(bytes);
}

/** `3 tasks`, `1 task`. */
export function plural(n: number, noun: string): string {
  return `${integer(n)} ${noun}${n === 1 ? "" : "s"}`;
}

/** Epoch milliseconds → `2026-11-23 19:24:22.721 UTC`. */
export function wallTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().replace("T", " ").replace("Z", "")} UTC`;
}

/** Longer texts lose their middle: the ends of a Go name (package, function) say most. */
export function middle(text: string, width: number): string {
  if (text.length <= width) return text;
  if (width <= 1) return "…".slice(0, width);
  const tail = Math.ceil((width - 1) * 0.6);
  return `${text.slice(0, width - 1 - tail)}…${text.slice(text.length - tail)}`;
}

/** Names come from the traced program: whatever would move a terminal's cursor is written out. */
export function printable(text: string): string {
  // oxlint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (char) => {
    return `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** `and 3 more types` */
export function more(left: number, noun: string): string[] {
  return left > 0 ? [`and ${plural(left, `more ${noun}`)}`] : [];
}
