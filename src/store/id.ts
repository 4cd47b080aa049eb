import type { EpochMilliseconds } from "../base/units.ts";

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"; // Crockford's: no i, l, o, u.
const RANDOM_CHARACTERS = 13; // 65 bits: a million ids in the same millisecond collide with odds of 1 in 10^7.

/**
 * An id that needs no counter and no coordination, and sorts by time: `20260311t142502123-8k3v…`.
 *
 * @param random gives numbers in [0, 1), `Math.random` in production.
 */
export function captureId(now: EpochMilliseconds, random: () => number): string {
  const time = new Date(now)
    .toISOString()
    .replaceAll(/[-:.Z]/g, "")
    .toLowerCase();
  let suffix = "";
  for (let i = 0; i < RANDOM_CHARACTERS; i++) {
    suffix += ALPHABET[Math.floor(random() * ALPHABET.length)] ?? "0";
  }
  return `${time}-${suffix}`;
}
