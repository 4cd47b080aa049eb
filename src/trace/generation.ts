/** A generation decoded but for its events: tables, clock, and each thread's batches in order. Data, no cursor. */

import { TraceFormatError } from "./error.ts";
import type { RawGeneration } from "./framing.ts";
import { nanosecondsPerTick, ticksToNanoseconds } from "./time.ts";
import { SampleTable } from "./tables/samples.ts";
import { StackTable } from "./tables/stacks.ts";
import { StringTable } from "./tables/strings.ts";
import { SyncTable } from "./tables/sync.ts";
import type { ClockSnapshot } from "./tables/sync.ts";

/** A batch of an experiment, in a format of its own. */
export interface ExperimentalBatch {
  readonly experiment: number;
  readonly thread: number;
  readonly bytes: Uint8Array;
}

/** What outlives the generation's bytes: everything the rows' ids refer to. */
export interface Generation {
  /** Generation number on the wire; 0 for the Sync that ends a trace, and for v1 traces. */
  readonly number: number;
  readonly version: number;
  readonly strings: StringTable;
  readonly stacks: StackTable;
  readonly clock: ClockSnapshot | undefined;
  /** The clock snapshot's trace time, relative ns as the rows' times. */
  readonly clockTime: number | undefined;
  readonly ticksPerSecond: number;
  readonly nsPerTick: number;
  /** Relative times are to this many ns of the trace clock. */
  readonly timeBase: number;
  /** Relative ns of the earliest batch; the time of the generation's Sync. */
  readonly startTime: number;
  readonly experimental: readonly ExperimentalBatch[];
}

/** A generation with what is needed to walk its events. */
export interface DecodedGeneration extends Generation {
  readonly raw: RawGeneration;
  readonly samples: SampleTable;
  /** Threads with event batches, in order of their first batch; −1 is "no thread". */
  readonly threads: Float64Array;
  /** Thread i has the batches `threadBatches[threadEnds[i-1] .. threadEnds[i])` (from 0 for i = 0). */
  readonly threadEnds: Uint32Array;
  readonly threadBatches: Uint32Array;
}

/** The generation of a Sync row that ends a trace: empty tables. */
export function emptyGeneration(version: number, timeBase: number): Generation {
  return {
    number: 0,
    version,
    strings: new StringTable(),
    stacks: new StackTable(),
    clock: undefined,
    clockTime: undefined,
    ticksPerSecond: 1e9,
    nsPerTick: 1,
    timeBase,
    startTime: 0,
    experimental: [],
  };
}

/**
 * Reads a generation's tables and groups its batches by thread.
 * @param timeBase ns that relative times count from; undefined: the start of this generation.
 */
export function decodeGeneration(raw: RawGeneration, timeBase: number | undefined): DecodedGeneration {
  const strings = new StringTable();
  const stacks = new StackTable();
  const samples = new SampleTable();
  const sync = new SyncTable();
  const experimental: ExperimentalBatch[] = [];
  const { bytes, batches, version } = raw;
  const byThread = new Map<number, number[]>();

  for (let i = 0; i < batches.count; i++) {
    const start = batches.starts[i]!;
    const end = batches.ends[i]!;
    const thread = batches.threads[i]!;
    try {
      switch (batches.kind(i, version)) {
        case "strings":
          strings.add(bytes, start, end);
          break;
        case "stacks":
          stacks.add(bytes, start, end);
          break;
        case "cpu-samples":
          samples.add(bytes, start, end);
          break;
        case "sync":
          sync.add(bytes, start, end, batches.ticks[i]!, version);
          break;
        case "experimental":
          experimental.push({ experiment: batches.experiments[i]!, thread, bytes: bytes.slice(start, end) });
          break;
        case "events": {
          const list = byThread.get(thread);
          if (list === undefined) byThread.set(thread, [i]);
          else list.push(i);
          break;
        }
      }
    } catch (error) {
      throw placed(error, raw, i);
    }
  }

  const ticksPerSecond = sync.ticksPerSecond;
  if (ticksPerSecond === undefined) throw incomplete(raw, "no frequency event found");
  if (version >= 25 && sync.clock === undefined) throw incomplete(raw, "no clock snapshot event found");
  const nsPerTick = nanosecondsPerTick(ticksPerSecond);
  const start = ticksToNanoseconds(batches.minTicks, nsPerTick);
  const base = timeBase ?? start;
  try {
    strings.seal(bytes);
    stacks.seal(strings);
    samples.seal(nsPerTick, base);
  } catch (error) {
    throw placed(error, raw, undefined);
  }

  const threadEnds = new Uint32Array(byThread.size);
  const threadBatches = new Uint32Array(batches.count);
  let filled = 0;
  let row = 0;
  for (const list of byThread.values()) {
    threadBatches.set(list, filled);
    filled += list.length;
    threadEnds[row++] = filled;
  }
  const { clock } = sync;
  return {
    number: raw.number,
    version,
    strings,
    stacks,
    clock,
    clockTime: clock === undefined ? undefined : ticksToNanoseconds(clock.ticks, nsPerTick) - base,
    ticksPerSecond,
    nsPerTick,
    timeBase: base,
    startTime: start - base,
    experimental,
    raw,
    samples,
    threads: Float64Array.from(byThread.keys()),
    threadEnds,
    threadBatches,
  };
}

/** A mandatory part of the generation is missing. */
function incomplete(raw: RawGeneration, detail: string): TraceFormatError {
  return new TraceFormatError("corrupt", detail, {
    generation: raw.number,
    version: raw.version,
    offset: raw.offset + raw.bytes.length,
    missing: true,
  });
}

function placed(error: unknown, raw: RawGeneration, batch: number | undefined): unknown {
  if (!(error instanceof TraceFormatError)) return error;
  return error.movedBy(raw.offset).at({ generation: raw.number, batch, version: raw.version });
}
