/** A v1 trace (Go 1.11 to 1.21) as the rows of v2. The whole file is needed: its stacks and frequency come last. */

import type { EventColumns } from "../columns.ts";
import { TraceFormatError } from "../error.ts";
import type { Generation } from "../generation.ts";
import { HEADER_BYTES } from "../header.ts";
import type { V1Version } from "../header.ts";
import { V1Converter } from "./convert.ts";
import type { V1RowOptions } from "./convert.ts";
import { orderEvents } from "./order.ts";
import { scanV1 } from "./scan.ts";

/** Offsets are kept in 32 bits. */
const MAX_BYTES = 2 ** 32 - 1;

/**
 * Reads a whole v1 trace and checks it as Go's reader does, before it tells the first event.
 * @param body the file without its header.
 * @returns its rows, batch by batch; the iteration throws at an event that has no counterpart in v2.
 */
export function* readV1(
  body: Uint8Array,
  version: V1Version,
  options: V1RowOptions = {},
): Generator<EventColumns, void, undefined> {
  if (body.length > MAX_BYTES) {
    throw new TraceFormatError("limit", `a v1 trace of ${body.length} bytes`, {
      expected: `at most ${MAX_BYTES}`,
    });
  }
  try {
    yield* checkedEvents(body, version, options).batches();
  } catch (error) {
    throw placed(error, version);
  }
}

function checkedEvents(body: Uint8Array, version: V1Version, options: V1RowOptions): V1Converter {
  const scan = scanV1(body, version);
  const order = orderEvents(scan);
  const generation: Generation = {
    // v1 has no generations: it is the only one.
    number: 0,
    version,
    strings: scan.tables.strings,
    stacks: scan.tables.seal(body),
    clock: undefined,
    clockTime: undefined,
    ticksPerSecond: scan.ticksPerSecond,
    nsPerTick: 1e9 / scan.ticksPerSecond,
    timeBase: 0,
    startTime: -1,
    experimental: [],
  };
  return new V1Converter(order, scan, generation, options);
}

/** Offsets are told from the start of the file. */
function placed(error: unknown, version: V1Version): unknown {
  if (!(error instanceof TraceFormatError)) return error;
  const { kind, detail, offset, expected } = error;
  return new TraceFormatError(
    kind,
    detail,
    { offset: offset === undefined ? undefined : HEADER_BYTES + offset, expected, version },
    { cause: error.cause },
  );
}
