/** Counts a duration in a tally: the same buckets as a sketch's (sketch.ts). */

import type { Assembler, Local } from "../../trace/kernel/assembler.ts";
import { Tally } from "./layout.ts";

/** What the bits of a double, shifted so that 6 of its mantissa are left, have more than the number of its bucket. */
const BUCKET_SHIFT = 46n;
const BUCKET_BIAS = 1023 * 64;

export function tallyUp(f: Assembler, tally: Local, ns: Local): void {
  f.store("f64", tally, Tally.sum, f.load("f64", tally, Tally.sum).add(ns));
  f.when(ns.lt(f.load("f64", tally, Tally.min)), () => f.store("f64", tally, Tally.min, ns));
  f.when(ns.gt(f.load("f64", tally, Tally.max)), () => f.store("f64", tally, Tally.max, ns));
  f.when(
    ns.lt(1),
    () => f.store("i32", tally, Tally.zeros, f.load("i32", tally, Tally.zeros).add(1)),
    () => {
      const bucket = ns.bits().shr(BUCKET_SHIFT).low().sub(BUCKET_BIAS);
      const address = f.local("i32", tally.add(bucket.shl(2)));
      f.store("i32", address, Tally.counts, f.load("i32", address, Tally.counts).add(1));
    },
  );
}
