/**
 * Sizes as Go people write them: `512KiB`, `10MiB`, `1.5GiB` (powers of 1024), `10MB` (powers of 1000), `4096` (bytes).
 */

import { bytes, GiB, KiB, MiB, type Bytes } from "./units.ts";

const UNIT_BYTES: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  KiB,
  MiB,
  GiB,
  TiB: 1024 * GiB,
  kB: 1e3,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
};

const SIZE = /^(\d+(?:\.\d+)?)\s?([A-Za-z]*)$/;

/** The size that `text` spells in whole bytes, or undefined when it spells none. */
export function parseSize(text: string): Bytes | undefined {
  const match = SIZE.exec(text);
  if (match === null) return undefined;
  const unit = UNIT_BYTES[match[2] ?? ""];
  if (unit === undefined) return undefined;
  const size = Math.round(Number(match[1]) * unit);
  return Number.isSafeInteger(size) ? bytes(size) : undefined;
}

/** For people: three significant digits, powers of 1024. Not exact. */
export function formatSize(size: number): string {
  let value = size;
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (Math.abs(value) < 1023.5)
      return `${value < 100 ? Number(value.toPrecision(3)) : Math.round(value)}${unit}`;
    value /= 1024;
  }
  return `${Number(value.toPrecision(3))}TiB`;
}
