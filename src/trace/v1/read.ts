/** A v1 trace (Go 1.11 to 1.21) as the rows of v2. The whole file is needed: its stacks and frequency come last. */

import type { EventColumns } from "../columns.ts";
import { TraceFormatError } from "../error.ts";
import type { Generation } from "../generation.ts";
import type { V1Version } from "../header.ts";
import { checkEvents } from "./check.ts";
import { V1Converter } from "./convert.ts";
import { mergeEvents } from "./merge.ts";
import { scanV1 } from "./scan.ts";
import { settleTimes } from "./times.ts";

/** Offsets are kept in 32 bits. */
const MAX_BYTES = 2 ** 32 - 1;

/**
 * Reads a whole v1 trace, header included, and checks it as Go's reader does before it tells the first event.
 * @returns its rows, batch by batch; from an event with no counterpart in v2 on, the iteration throws.
 */
export function readV1(bytes: Uint8Array, version: V1Version): V1Converter {
  if (bytes.length > MAX_BYTES) {
    throw new TraceFormatError("limit", `a v1 trace of ${bytes.length} bytes`, {
      expected: `at most ${MAX_BYTES}`,
    });
  }
  const scan = scanV1(bytes, version);
  const events = mergeEvents(scan);
  const order = settleTimes(events, scan);
  checkEvents(events, order, scan);
  const generation: Generation = {
    // v1 numbers none.
    number: 0,
    version,
    strings: scan.tables.strings,
    stacks: scan.tables.seal(bytes),
    clock: undefined,
    clockTime: undefined,
    ticksPerSecond: scan.ticksPerSecond,
    nsPerTick: 1e9 / scan.ticksPerSecond,
    timeBase: 0,
    startTime: -1,
    experimental: [],
  };
  return new V1Converter(events, order, scan, generation);
}

/** All rows of a v1 trace. */
export function* rowsOfV1(bytes: Uint8Array, version: V1Version): Generator<EventColumns, void> {
  const converter = readV1(bytes, version);
  for (let rows = converter.next(); rows !== undefined; rows = converter.next()) yield rows;
}
