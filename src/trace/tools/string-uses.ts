/** What each string of a generation is used for: names and messages of the program are told from Go's own. */

import { isStandard } from "../../base/standard-library.ts";
import { TraceFormatError } from "../error.ts";
import type { RawGeneration } from "../framing.ts";
import { Ev, specOf } from "../spec.ts";
import type { EventSpec } from "../spec.ts";
import { StringTable } from "../tables/strings.ts";
import { ByteCursor } from "../varint.ts";
import { readWireEvent } from "../wire.ts";
import type { WireEvent } from "../wire.ts";

/**
 * A function's name, a file's path; a task's or region's type or a log's category; a log's message; a label; any other
 * text, such as why a goroutine blocked.
 */
export type StringUse = "func" | "file" | "standard-file" | "name" | "log" | "label" | "text";

/** Texts the runtime writes: reasons, kinds of stop-the-world, labels (Go 1.22 to 1.27). Others are the program's own. */
export const runtimeTexts = new Set([
  ..."unspecified|forever|network|select|sync.(*Cond).Wait|sync|chan send|chan receive|GC mark assist wait for work".split(
    "|",
  ),
  ..."GC background sweeper wait|system goroutine wait|preempted|wait for debug call|wait until GC ends|sleep".split(
    "|",
  ),
  ..."GC weak to strong wait|synctest|runtime.Gosched|unknown|GC mark termination|GC sweep termination".split(
    "|",
  ),
  ..."write heap dump|goroutine profile|goroutine profile cleanup|all goroutines stack trace|read mem stats".split(
    "|",
  ),
  ..."AllThreadsSyscall|GOMAXPROCS|start trace|stop trace".split("|"),
  ..."Not worker|GC (dedicated)|GC (fractional)|GC (idle)".split("|"),
]);

/** Of one string that is used in two ways, the one that tells most of the program. */
const rank: Readonly<Record<StringUse, number>> = {
  log: 6,
  name: 5,
  label: 4,
  file: 3,
  func: 2,
  "standard-file": 1,
  text: 0,
};

/** Which strings of the program's own the timed events carry, by argument. */
const eventUses: ReadonlyMap<number, Readonly<Record<string, StringUse>>> = new Map([
  [Ev.UserTaskBegin, { name_string: "name" }],
  [Ev.UserRegionBegin, { name_string: "name" }],
  [Ev.UserRegionEnd, { name_string: "name" }],
  [Ev.UserLog, { key_string: "name", value_string: "log" }],
  [Ev.GoLabel, { label_string: "label" }],
] as const);

/** Goes through a generation once. A file is the distribution's if only its functions are in it. */
export function stringUses(raw: RawGeneration): (id: bigint) => StringUse {
  const uses = new Map<bigint, StringUse>();
  const use = (id: bigint, as: StringUse): void => {
    const known = uses.get(id);
    if (known === undefined || rank[as] > rank[known]) uses.set(id, as);
  };
  const { batches, bytes, version } = raw;
  const strings = new StringTable();
  const each = (kind: "strings" | "stacks" | "events", visit: (start: number, end: number) => void): void => {
    for (let i = 0; i < batches.count; i++) {
      if (batches.kind(i, version) === kind) visit(batches.starts[i]!, batches.ends[i]!);
    }
  };
  each("strings", (start, end) => strings.add(bytes, start, end));
  strings.seal(bytes);
  const spec = specOf(Ev.Stack)!;
  each("stacks", (start, end) => {
    const cursor = new ByteCursor(bytes, start + 1, end);
    while (!cursor.done) {
      const { args } = readEntry(cursor, spec);
      for (let frame = spec.args.length; frame < args.length; frame += 4) {
        const [func, file] = [args[frame + 1]!, args[frame + 2]!];
        use(func, "func");
        const standard = isStandard(strings.get(strings.find(Number(func))));
        use(file, standard ? "standard-file" : "file");
      }
    }
  });
  each("events", (start, end) => readEventUses(bytes, start, end, use));
  return (id) => uses.get(id) ?? "text";
}

/** Steps over a batch of timed events; only the arguments that count are put together. */
function readEventUses(
  bytes: Uint8Array,
  start: number,
  end: number,
  use: (id: bigint, as: StringUse) => void,
): void {
  const cursor = new ByteCursor(bytes, start, end);
  while (!cursor.done) {
    const offset = cursor.pos;
    const type = cursor.byte();
    const spec = specOf(type);
    if (spec?.timed !== true) {
      throw new TraceFormatError("corrupt", `event type ${type} in a batch of events`, { offset });
    }
    const wanted = eventUses.get(type);
    for (const arg of spec.args) {
      const as = wanted?.[arg];
      if (as !== undefined) use(cursor.uvarint64(), as);
      else skipVarint(cursor);
    }
  }
}

function skipVarint(cursor: ByteCursor): void {
  const { bytes, end } = cursor;
  let { pos } = cursor;
  while (pos < end && bytes[pos]! >= 0x80) pos++;
  if (pos >= end) throw new TraceFormatError("corrupt", "data ends early", { offset: pos });
  cursor.pos = pos + 1;
}

/** The next entry of a table's batch. */
export function readEntry(cursor: ByteCursor, spec: EventSpec): WireEvent {
  const offset = cursor.pos;
  if (cursor.byte() !== spec.type)
    throw new TraceFormatError("corrupt", `expected ${spec.name} event`, { offset });
  return readWireEvent(cursor, spec);
}
