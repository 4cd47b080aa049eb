import { describe, expect, it } from "vitest";
import type { EventColumns } from "../../../src/trace/columns.ts";
import { TraceFormatError } from "../../../src/trace/error.ts";
import { readTrace, TraceReader } from "../../../src/trace/reader.ts";
import { Ev, eventName } from "../../../src/trace/spec.ts";
import { V1Builder } from "./build-v1.ts";
import { describeRows } from "./describe-rows.ts";

/** A P that starts, makes goroutine 1 and runs it: what every trace begins with. */
function running(version: 11 | 19 | 21 = 21): V1Builder {
  return new V1Builder(version)
    .batch(0, 1000)
    .event("ProcStart", 1, 77)
    .event("GoCreate", 1, 1, 0, 0)
    .event("GoStart", 1, 1, 1)
    .event("Gomaxprocs", 1, 4, 0);
}

function texts(bytes: Uint8Array): string[] {
  return describeRows(readTrace(bytes)).map((row) => `${row.time} ${row.text}`);
}

function rowsOf(bytes: Uint8Array): { name: string; time: number; row: ReturnType<EventColumns["row"]> }[] {
  const out = [];
  for (const rows of readTrace(bytes)) {
    for (let i = 0; i < rows.length; i++) {
      const row = rows.row(i);
      out.push({ name: eventName(row.type), time: row.time, row });
    }
  }
  return out;
}

function names(bytes: Uint8Array): string[] {
  return rowsOf(bytes).map((row) => row.name);
}

function failure(bytes: Uint8Array): TraceFormatError {
  try {
    for (const rows of readTrace(bytes)) expect(rows.length).toBeGreaterThan(0);
  } catch (error) {
    if (error instanceof TraceFormatError) return error;
    throw error;
  }
  throw new Error("the trace was read");
}

describe("the conversion of v1", () => {
  it("begins with a Sync, tells what there was at the start, and ends with a Sync", () => {
    const bytes = new V1Builder()
      .batch(0, 1000)
      .event("ProcStart", 0, 77)
      .event("GoCreate", 10, 1, 0, 0)
      .event("GoCreate", 10, 2, 0, 0)
      .event("GoCreate", 10, 3, 0, 0)
      .event("GoCreate", 10, 4, 0, 0)
      .event("GoWaiting", 10, 2)
      .event("GoInSyscall", 10, 3)
      .event("GoStart", 10, 1, 1)
      .event("Gomaxprocs", 10, 4, 0)
      .event("Gomaxprocs", 10, 8, 0)
      .frequency()
      .done();
    expect(texts(bytes)).toEqual([
      '-1 ["Sync",-1,-1,-1,1,[]]',
      '0 ["StateTransition",-1,0,77,"Proc(0)","Undetermined","Running","",[],[]]',
      '50 ["StateTransition",2,0,77,"Goroutine(2)","Undetermined","Waiting","",[],[]]',
      '60 ["StateTransition",3,0,77,"Goroutine(3)","Undetermined","Syscall","",[],[]]',
      '70 ["StateTransition",1,0,77,"Goroutine(1)","Undetermined","Running","",[],[]]',
      '80 ["StateTransition",-1,-1,-1,"Goroutine(4)","Undetermined","Runnable","",[],[]]',
      '90 ["Metric",1,0,77,"/sched/gomaxprocs:threads",8,[]]',
      '91 ["Sync",-1,-1,-1,2,[]]',
    ]);
  });

  it("makes a syscall last 1 ns, unless it blocks", () => {
    const bytes = running()
      .event("GoSysCall", 10, 0)
      .event("GoSysCall", 10, 0)
      .event("GoSysBlock", 10)
      // It came back 5 ticks after it blocked, and was told 100 ticks later.
      .event("GoSysExit", 100, 1, 2, 1039n)
      .frequency()
      .done();
    const got = rowsOf(bytes).map((row) => `${row.time} ${row.name}`);
    expect(got.slice(3)).toEqual([
      "13 GoSyscallBegin",
      "14 GoSyscallEnd",
      "23 GoSyscallBegin",
      "38 GoSyscallEndBlocked",
      "39 Sync",
    ]);
  });

  it("puts a syscall exit back to its real time, before what was told earlier", () => {
    const bytes = running()
      .event("GoSysCall", 10, 0)
      .event("GoSysBlock", 10)
      .event("HeapAlloc", 20, 4096)
      .event("HeapAlloc", 20, 8192)
      .event("GoSysExit", 5, 1, 2, 1050)
      .frequency()
      .done();
    const got = rowsOf(bytes).map((row) => `${row.time} ${row.name}`);
    expect(got.slice(3)).toEqual([
      "13 GoSyscallBegin",
      "43 HeapAlloc",
      "49 GoSyscallEndBlocked",
      "63 HeapAlloc",
      "64 Sync",
    ]);
  });

  it("orders events of two Ps by sequence numbers where their clocks disagree, and says so", () => {
    const bytes = running()
      .event("GoCreate", 10, 5, 0, 0)
      // P 1's clock is behind: it starts goroutine 5 before P 0 makes it.
      .batch(1, 900)
      .event("ProcStart", 1, 78)
      .event("GoStart", 1, 5, 1)
      .frequency()
      .done();
    expect(failure(bytes)).toMatchObject({ kind: "corrupt", detail: "time stamps out of order" });
  });

  it("merges Ps by time and starts a goroutine only after it was made", () => {
    const bytes = new V1Builder()
      .batch(1, 1010)
      .event("ProcStart", 1, 78)
      .event("GoStart", 30, 5, 1)
      .batch(0, 1000)
      .event("ProcStart", 1, 77)
      .event("GoCreate", 1, 1, 0, 0)
      .event("GoStart", 1, 1, 1)
      .event("Gomaxprocs", 1, 2, 0)
      .event("GoCreate", 20, 5, 0, 0)
      .frequency()
      .done();
    expect(names(bytes)).toEqual([
      "Sync",
      "ProcStatus",
      "GoStatus",
      "ProcStatus",
      "GoCreate",
      "GoStart",
      "Sync",
    ]);
  });

  it("names STW kinds by version", () => {
    const trace = (version: 11 | 19 | 21, kind: number) =>
      running(version).event("STWStart", 1, kind).event("STWDone", 1).frequency().done();
    const kinds = (version: 11 | 19 | 21, kind: number) =>
      texts(trace(version, kind)).filter((line) => line.includes("Range"));
    expect(kinds(19, 0)).toEqual([
      '4 ["RangeBegin",1,0,77,"stop-the-world (GC mark termination)","Goroutine(1)",[]]',
      '5 ["RangeEnd",1,0,77,"stop-the-world (GC mark termination)","Goroutine(1)",[]]',
    ]);
    expect(kinds(11, 1)[0]).toContain("(GC sweep termination)");
    expect(kinds(11, 2)[0]).toContain("stop-the-world ()");
    expect(kinds(21, 1)[0]).toContain("(GC mark termination)");
    expect(kinds(21, 16)[0]).toContain("(ResetDebugLog (test))");
    expect(kinds(21, 17)[0]).toContain("stop-the-world ()");
  });

  it("keeps tasks, regions, logs, labels and samples", () => {
    const bytes = running()
      .string(1, "checkout")
      .string(2, "key")
      .string(3, "GC (dedicated)")
      .event("UserTaskCreate", 1, 9, 0, 1, 4)
      .event("UserRegion", 1, 9, 0, 2, 0)
      .log(1, 9, 2, 4, "naïve ✓")
      .log(1, 9, 2, 0, "")
      .event("UserRegion", 1, 9, 1, 2, 0)
      .event("UserTaskEnd", 1, 9, 0)
      .event("UserTaskEnd", 1, 8, 0)
      .event("GoBlock", 1, 0)
      .event("GoCreate", 1, 2, 4, 0)
      .event("GoStartLabel", 1, 2, 1, 3)
      .event("CPUSample", 0, 1012, -1, 2, 4)
      .event("HeapGoal", 1, -1)
      .stack(4, [0xffff_ffff_8100_0001n, 1, 2, 12], [0x40_0000, 2, 2, 7])
      .frequency()
      .done();
    const frames = '["0xffffffff81000001 checkout key:12","0x400000 key key:7"]';
    expect(texts(bytes).slice(3, -1)).toEqual([
      `4 ["TaskBegin",1,0,77,9,-1,"checkout",${frames}]`,
      '5 ["RegionBegin",1,0,77,9,"key",[]]',
      `6 ["Log",1,0,77,9,"key","naïve ✓",${frames}]`,
      '7 ["Log",1,0,77,9,"key","",[]]',
      '8 ["RegionEnd",1,0,77,9,"key",[]]',
      '9 ["TaskEnd",1,0,77,9,0,"checkout",[]]',
      '10 ["TaskEnd",1,0,77,8,-1,"",[]]',
      // Of equal times, what has waited longer: as go tool trace -d=parsed has it.
      `11 ["StackSample",2,-1,-1,${frames}]`,
      '12 ["StateTransition",1,0,77,"Goroutine(1)","Running","Waiting","",[],[]]',
      `13 ["StateTransition",-1,0,77,"Goroutine(2)","NotExist","Runnable","",${frames},[]]`,
      '14 ["StateTransition",2,0,77,"Goroutine(2)","Runnable","Running","",[],[]]',
      '15 ["Label",2,0,77,"GC (dedicated)","Goroutine(2)",[]]',
      '16 ["Metric",2,0,77,"/gc/heap/goal:bytes",-1,[]]',
    ]);
  });

  it("reads a trace without events as one Sync, as Go does", () => {
    expect(texts(new V1Builder().batch(0).frequency().done())).toEqual(['0 ["Sync",-1,-1,-1,1,[]]']);
  });
});

describe("a broken v1 trace", () => {
  const broken: readonly (readonly [string, Uint8Array, string, RegExp])[] = [
    ["without its end", running().done(), "truncated", /no frequency event/],
    [
      "cut in an event",
      running()
        .byte(13 | (3 << 6))
        .byte(9)
        .byte(1)
        .done(),
      "truncated",
      /ends inside an event/,
    ],
    [
      "cut in a varint",
      running()
        .byte(33 | (1 << 6))
        .byte(0x80)
        .done(),
      "truncated",
      /ends inside a number/,
    ],
    ["of unknown events", running().byte(50).frequency().done(), "corrupt", /unknown event type 50/],
    [
      "with samples before 1.19",
      running(11).event("CPUSample", 0, 1, 0, 1, 0).frequency().done(),
      "corrupt",
      /type 49/,
    ],
    [
      "with an event before any batch",
      new V1Builder().event("ProcStop", 1).frequency().done(),
      "corrupt",
      /before the first batch/,
    ],
    [
      "with too few arguments",
      running().raw(33, [1]).frequency().done(),
      "corrupt",
      /HeapAlloc has wrong number/,
    ],
    [
      "with too many arguments",
      running().raw(33, [1, 2, 3, 4]).frequency().done(),
      "corrupt",
      /HeapAlloc has wrong number/,
    ],
    [
      "with an overlong varint",
      Uint8Array.of(
        ...running()
          .byte(33 | (1 << 6))
          .byte(1)
          .done(),
        ...Array<number>(10).fill(0xff),
        2,
      ),
      "corrupt",
      /overflows 64 bits/,
    ],
    ["with string id 0", running().string(0, "x").frequency().done(), "corrupt", /invalid id 0/],
    ["with an empty string", running().string(1, "").frequency().done(), "corrupt", /invalid length 0/],
    [
      "with a string id twice",
      running().string(1, "a").string(1, "b").frequency().done(),
      "corrupt",
      /multiple strings/,
    ],
    [
      "with a huge proc id",
      running()
        .batch(2 ** 31)
        .frequency()
        .done(),
      "corrupt",
      /proc id 2147483648/,
    ],
    ["with a clock that stands", running().frequency(0).done(), "corrupt", /frequency of 0/],
    [
      "with time beyond 2^53",
      running()
        .batch(1, 2n ** 60n)
        .frequency()
        .done(),
      "limit",
      /above 2\^53/,
    ],
    [
      "that never makes a goroutine",
      running().event("GoUnblock", 1, 9, 1, 0).frequency().done(),
      "corrupt",
      /no consistent ordering/,
    ],
    [
      "with a stray exit",
      running().event("GoSysExit", 1, 1, 2, 5).frequency().done(),
      "corrupt",
      /no consistent ordering/,
    ],
    [
      "with an exit before its block",
      running().event("GoSysBlock", 1).event("GoSysExit", 1, 1, 2, 5).frequency().done(),
      "corrupt",
      /out of order/,
    ],
    [
      "with a P that runs two",
      running().event("GoCreate", 1, 2, 0, 0).event("GoStart", 1, 2, 1).frequency().done(),
      "corrupt",
      /already runs g 1/,
    ],
    [
      "with a P started twice",
      running().event("ProcStart", 1, 5).frequency().done(),
      "corrupt",
      /running before start/,
    ],
    [
      "with a P stopped while it runs",
      running().event("ProcStop", 1).frequency().done(),
      "corrupt",
      /running goroutine 1 during stop/,
    ],
    [
      "with two GCs at once",
      running().event("GCStart", 1, 0, 0).event("GCStart", 1, 1, 0).frequency().done(),
      "corrupt",
      /previous GC/,
    ],
    ["with an STW that ends only", running().event("STWDone", 1).frequency().done(), "corrupt", /bogus STW/],
    [
      "with a sweep that ends only",
      running().event("GCSweepDone", 1, 1, 1).frequency().done(),
      "corrupt",
      /bogus sweeping/,
    ],
    [
      "with assists nested",
      running().event("GCMarkAssistStart", 1, 0).event("GCMarkAssistStart", 1, 0).frequency().done(),
      "corrupt",
      /mark assist/,
    ],
    [
      "with a task twice",
      running()
        .event("UserTaskCreate", 1, 1, 0, 0, 0)
        .event("UserTaskCreate", 1, 1, 0, 0, 0)
        .frequency()
        .done(),
      "corrupt",
      /task id conflicts/,
    ],
    [
      "with regions crossed",
      running().event("UserRegion", 1, 0, 0, 1, 0).event("UserRegion", 1, 0, 1, 2, 0).frequency().done(),
      "corrupt",
      /misuse of region/,
    ],
    [
      "with a region of mode 2",
      running().event("UserRegion", 1, 0, 2, 1, 0).frequency().done(),
      "corrupt",
      /region mode: 2/,
    ],
    [
      "with an event v2 has not",
      running().event("FutileWakeup", 1).frequency().done(),
      "corrupt",
      /unexpected event type FutileWakeup/,
    ],
  ];
  it.each(broken)("%s", (_, bytes, kind, message) => {
    const error = failure(bytes);
    expect(error.message).toMatch(message);
    expect(error).toMatchObject({ kind });
    expect(error.version).toBeGreaterThan(10);
  });

  it("says at which byte of the file", () => {
    const whole = running().done();
    expect(failure(running().byte(50).frequency().done()).offset).toBe(whole.length);
    expect(failure(running().event("STWDone", 1).frequency().done()).offset).toBe(whole.length);
  });

  it("gives a tolerant reader nothing but the notice", () => {
    const notices: unknown[] = [];
    const options = { mode: "tolerant", onNotice: (notice: unknown) => notices.push(notice) } as const;
    expect([...readTrace(running().done(), options)]).toEqual([]);
    const reader = new TraceReader(options);
    expect([...reader.push(running().byte(50).done()), ...reader.end()]).toEqual([]);
    expect(notices).toMatchObject([
      { kind: "truncated", generation: 0 },
      { kind: "broken", generation: 0 },
    ]);
  });
});

describe("a stream of v1", () => {
  const bytes = running().event("HeapAlloc", 1, 9).event("GoSysCall", 1, 0).frequency().done();

  it("reads the same in any split", () => {
    const whole = texts(bytes);
    for (const size of [1, 7, 16, 17, bytes.length]) {
      const reader = new TraceReader({ batchRows: 16, freshBatches: true });
      const batches: EventColumns[] = [];
      for (let at = 0; at < bytes.length; at += size)
        batches.push(...reader.push(bytes.subarray(at, at + size)));
      expect(batches).toEqual([]);
      batches.push(...reader.end());
      expect(describeRows(batches).map((row) => `${row.time} ${row.text}`)).toEqual(whole);
      expect(reader.rows).toBe(whole.length);
      expect(reader.version).toBe(21);
      expect(reader.timeBase).toBe(0);
    }
  });

  it("fills small batches without losing rows at their ends", () => {
    const builder = running();
    for (let i = 0; i < 100; i++) builder.event("GoSysCall", 10, 0).event("HeapAlloc", 1, i);
    for (let g = 100; g < 150; g++) builder.event("GoCreate", 1, g, 0, 0);
    const trace = builder.frequency().done();
    const small = describeRows(readTrace(trace, { batchRows: 1 }));
    expect(small.map((row) => row.text)).toEqual(describeRows(readTrace(trace)).map((row) => row.text));
    expect(small.length).toBe(1 + 2 + 300 + 50 + 1);
  });

  it("gives Ev.Sync first and last only", () => {
    const types = rowsOf(bytes).map((row) => row.row.type);
    expect(types.filter((type) => type === Ev.Sync).length).toBe(2);
    expect([types[0], types.at(-1)]).toEqual([Ev.Sync, Ev.Sync]);
  });
});
