/** Rows as the lines test/go/eventdump-v1 prints: what Go's public interface tells of an event, as JSON. */

import type { EventColumns } from "../../../src/trace/columns.ts";
import type { StackTable } from "../../../src/trace/tables/stacks.ts";
import { Ev, goStateNames, kindOf, procStateNames, specOf } from "../../../src/trace/spec.ts";

export interface DescribedRow {
  readonly time: number;
  /** The line without the time. */
  readonly text: string;
}

const metricNames: Record<number, string> = {
  [Ev.ProcsChange]: "/sched/gomaxprocs:threads",
  [Ev.HeapAlloc]: "/memory/classes/heap/objects:bytes",
  [Ev.HeapGoal]: "/gc/heap/goal:bytes",
};

export function describeRows(batches: Iterable<EventColumns>): DescribedRow[] {
  const out: DescribedRow[] = [];
  for (const rows of batches) {
    for (let i = 0; i < rows.length; i++) {
      out.push({ time: rows.time[i]!, text: JSON.stringify(describeRow(rows, i)) });
    }
  }
  return out;
}

function describeRow(rows: EventColumns, i: number): unknown[] {
  const row = rows.row(i);
  const { stacks } = rows.generation;
  return [
    kindOf(row.type),
    row.g,
    row.p,
    row.m,
    ...describeDetails(rows, i),
    describeStack(stacks, row.stack),
  ];
}

function describeDetails(rows: EventColumns, i: number): unknown[] {
  const row = rows.row(i);
  const { strings, stacks } = rows.generation;
  const g = `Goroutine(${row.subject})`;
  switch (kindOf(row.type)) {
    case "Sync":
      return [row.subject];
    case "Metric":
      return [metricNames[row.type], row.arg0];
    case "Label":
      return [strings.get(row.arg0), g];
    case "RangeBegin":
    case "RangeEnd":
      return describeRange(rows, i);
    case "TaskBegin":
    case "TaskEnd":
      return [row.subject, row.arg0, strings.get(row.arg1)];
    case "RegionBegin":
    case "RegionEnd":
      return [row.subject, strings.get(row.arg0)];
    case "Log":
      return [row.subject, strings.get(row.arg0), strings.get(row.arg1)];
    case "StateTransition": {
      if (specOf(row.type)!.row.subject === "p") {
        return [`Proc(${row.subject})`, procStateNames[row.from], procStateNames[row.to], "", []];
      }
      const reason = row.type === Ev.GoBlock || row.type === Ev.GoStop ? strings.get(row.arg0) : "";
      return [
        g,
        goStateNames[row.from],
        goStateNames[row.to],
        reason,
        describeStack(stacks, transitionStack(rows, i)),
      ];
    }
    default:
      return [];
  }
}

function describeRange(rows: EventColumns, i: number): unknown[] {
  const row = rows.row(i);
  switch (row.type) {
    case Ev.STWBegin:
    case Ev.STWEnd:
      return [`stop-the-world (${rows.generation.strings.get(row.arg0)})`, `Goroutine(${row.subject})`];
    case Ev.GCBegin:
    case Ev.GCEnd:
      return ["GC concurrent mark phase", "None"];
    case Ev.GCSweepBegin:
      return ["GC incremental sweep", `Proc(${row.subject})`];
    case Ev.GCSweepEnd:
      return [
        "GC incremental sweep",
        `Proc(${row.subject})`,
        "bytes swept",
        row.arg0,
        "bytes reclaimed",
        row.arg1,
      ];
    default:
      return ["GC mark assist", `Goroutine(${row.subject})`];
  }
}

/** Go's StateTransition.Stack: that of the goroutine that changes, where the event knows it. */
function transitionStack(rows: EventColumns, i: number): number {
  const row = rows.row(i);
  switch (row.type) {
    case Ev.GoCreate:
      return row.arg0;
    case Ev.GoStop:
    case Ev.GoBlock:
    case Ev.GoSyscallBegin:
      return row.stack;
    default:
      return 0;
  }
}

function describeStack(stacks: StackTable, index: number): string[] {
  return stacks.resolve(index).map((f) => `0x${f.pc.toString(16)} ${f.func} ${f.file}:${f.line}`);
}

/**
 * Rows with one time (in the trace; here 1 ns apart each) come in any order in Go's reader, which goes over its Ps in the
 * order of a hash map: such a run of rows is sorted.
 */
export function normalizeTies(rows: readonly DescribedRow[]): string[] {
  const out: string[] = [];
  let run: string[] = [];
  for (const [i, row] of rows.entries()) {
    run.push(row.text);
    if (i + 1 < rows.length && rows[i + 1]!.time === row.time + 1) continue;
    for (const text of run.sort()) out.push(`${row.time} ${text}`);
    run = [];
  }
  return out;
}
