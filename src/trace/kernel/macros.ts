/**
 * The kernel's local variables, which the engine keeps in registers as far as they go, and the macros that its events
 * are written with.
 */

import { Assembler } from "./assembler.ts";
import type { Expression, Label, Local } from "./assembler.ts";
import { At, Column, Goroutine } from "./layout.ts";

const CONTINUATION = 0x8080_8080_8080_8080n;

/** What a row holds, but for what all rows get from the locals. */
interface RowColumns {
  readonly g: Expression | number;
  readonly subject: Expression | number;
  readonly from: number;
  readonly to: number;
  readonly arg0?: Expression;
  /** Where it is missing, the column is 0 already. */
  readonly arg1?: Expression;
  readonly stack?: Local;
}

export type Macros = ReturnType<typeof makeMacros>;

/** A function with its locals and macros. Its parameter is the time up to which it may go. */
export function makeMacros() {
  const f = new Assembler(["f64"]);
  const until = f.parameters[0]!;

  // What stays the same during a run, and what is written back at its end.
  const full = f.local("i32", f.load("i32", 0, At.full));
  const nsPerTick = f.local("f64", f.load("f64", 0, At.nsPerTick));
  const seqBase = f.local("f64", f.load("f64", 0, At.seqBase));
  const heap = f.local("i32", f.load("i32", 0, At.heap));
  const heapLength = f.local("i32", f.load("i32", 0, At.heapLength));
  const goroutines = f.local("i32", f.load("i32", 0, At.goroutines));
  const buckets = f.local("i32", f.load("i32", 0, At.buckets));
  const bucketMask = f.local("i32", f.load("i32", 0, At.bucketMask));
  const rows = f.local("i32", f.load("i32", 0, At.rows));
  const lastTime = f.local("f64", f.load("f64", 0, At.lastTime));

  // The thread whose events are being advanced: its cursor, and what is bound to it.
  const cursor = f.local("i32");
  const thread = f.local("i32");
  const m = f.local("f64");
  const position = f.local("i32");
  const end = f.local("i32");
  const time = f.local("f64");
  const type = f.local("i32");
  const limit = f.local("f64");
  const g = f.local("f64");
  /** Record of the goroutine bound to the thread. */
  const current = f.local("i32");
  const p = f.local("i32");

  // The event's arguments, and what is found by them.
  const word = f.local("i64");
  const ends = [f.local("i64"), f.local("i64"), f.local("i64"), f.local("i64")] as const;
  const args = [f.local("i64"), f.local("i64"), f.local("i64"), f.local("i64")] as const;
  const next = f.local("i32");
  const id = f.local("f64");
  const seq = f.local("f64");
  const parent = f.local("f64");
  const bucket = f.local("i32");
  const slot = f.local("i32");
  const found = f.local("i32");
  const proc = f.local("i32");
  const stack = f.local("i32");
  const text = f.local("i32");
  const other = f.local("i32");
  const hole = f.local("i32");
  const least = f.local("i32");
  const leastTime = f.local("f64");

  /** The value of a varint of up to eight bytes, whose continuation bits are still in it. */
  const setCompacted = (into: Local, field: Expression): void => {
    into.set(field);
    into.set(into.and(0x007f_007f_007f_007fn).or(into.and(0x7f00_7f00_7f00_7f00n).shr(1)));
    into.set(into.and(0x0000_3fff_0000_3fffn).or(into.and(0x3fff_0000_3fff_0000n).shr(2)));
    into.set(into.and(0x0fff_ffffn).or(into.and(0x0fff_ffff_0000_0000n).shr(4)));
  };
  /** One bit for each byte of `word` that ends a varint. */
  const endBits = (): Expression => word.xor(-1n).and(CONTINUATION);
  /** All bits up to the lowest that is set. */
  const upToLowest = (bits: Local): Expression => bits.xor(bits.sub(1));

  /** Reads varints of eight bytes in all at `from`; the position after them is in `next`. */
  const readArguments = (count: 1 | 2 | 3 | 4, irregular: Label, from: Local = position): void => {
    word.set(f.load("i64", from));
    ends[0].set(endBits());
    for (let i = 1; i < count; i++) ends[i]!.set(ends[i - 1]!.and(ends[i - 1]!.sub(1)));
    const last = ends[count - 1]!;
    f.branchIf(irregular, last.eq(0));
    next.set(from.add(last.trailingZeros().add(1).shr(3).low()));
    f.branchIf(irregular, next.gt(end));
    setCompacted(args[0], word.and(upToLowest(ends[0])));
    for (let i = 1; i < count; i++) {
      const begin = ends[i - 1]!.trailingZeros().add(1);
      setCompacted(args[i]!, word.and(upToLowest(ends[i]!)).shr(begin));
    }
  };

  /** Finds the goroutine of an id: its `slot` (0 for none), `found` record and `bucket` (for none, the free one). */
  const lookUp = (wanted: Local): void => {
    id.set(wanted.float());
    bucket.set(wanted.low().and(bucketMask));
    f.loop((again) => {
      slot.set(f.load("i32", buckets.add(bucket.shl(2))));
      found.set(goroutines.add(slot.shl(5)));
      f.when(f.load("f64", found, Goroutine.id).ne(id).and(slot.ne(0)), () => {
        bucket.set(bucket.add(1).and(bucketMask));
        f.branch(again);
      });
    });
  };

  /** The index of a string's or stack's id; an id that is not in the table is not regular. */
  const index = (into: Local, wanted: Local, table: number, count: number, irregular: Label): void => {
    f.branchIf(irregular, wanted.ge(f.load("i32", 0, count).wide()));
    into.set(f.load("i32", f.load("i32", 0, table).add(wanted.low().shl(2))));
    f.branchIf(irregular, into.eq(0).and(wanted.ne(0)));
  };
  const stackOf = (wanted: Local, irregular: Label): void =>
    index(stack, wanted, At.stacks, At.stackCount, irregular);

  const row = (of: number, columns: RowColumns): void => {
    lastTime.set(f.select(time.le(lastTime), lastTime.add(1), time));
    const by8 = rows.shl(3);
    const by4 = rows.shl(2);
    f.store("f64", by8, Column.time, lastTime);
    f.store("f64", by8, Column.g, columns.g);
    f.store("f64", by8, Column.m, m);
    f.store("f64", by8, Column.subject, columns.subject);
    f.store("f64", by8, Column.arg0, columns.arg0 ?? 0);
    if (columns.arg1 !== undefined) f.store("f64", by8, Column.arg1, columns.arg1);
    f.store("i32", by4, Column.p, p);
    f.store("i32", by4, Column.stack, columns.stack ?? 0);
    f.store("u8", rows, Column.type, of);
    f.store("u8", rows, Column.from, columns.from);
    f.store("u8", rows, Column.to, columns.to);
    rows.set(rows.add(1));
  };

  const status = (record: Local): Expression => f.load("u8", record, Goroutine.status);
  const setStatus = (record: Local, value: number): void => f.store("u8", record, Goroutine.status, value);
  const marks = (record: Local): Expression => f.load("u8", record, Goroutine.marks);
  const setMarks = (record: Local, value: Expression | number): void =>
    f.store("u8", record, Goroutine.marks, value);
  const unbind = (): void => {
    g.set(-1);
    current.set(goroutines);
  };
  /** The record of the thread's proc. */
  const ownProc = (): void => proc.set(f.load("i32", 0, At.procs).add(p.shl(4)));
  /** The thread has a proc and its goroutine this status. */
  const require = (wanted: number, irregular: Label): void =>
    f.branchIf(irregular, p.eq(-1).or(status(current).ne(wanted)));

  /** The thread has a proc and a goroutine that is known. */
  const requireUser = (irregular: Label): void => f.branchIf(irregular, p.eq(-1).or(current.eq(goroutines)));

  return {
    f,
    until,
    full,
    nsPerTick,
    seqBase,
    heap,
    heapLength,
    goroutines,
    buckets,
    bucketMask,
    rows,
    lastTime,
    cursor,
    thread,
    m,
    position,
    end,
    time,
    type,
    limit,
    g,
    current,
    p,
    word,
    ends,
    args,
    next,
    id,
    seq,
    parent,
    bucket,
    slot,
    found,
    proc,
    ownProc,
    stack,
    text,
    other,
    hole,
    least,
    leastTime,
    setCompacted,
    endBits,
    upToLowest,
    readArguments,
    lookUp,
    stackOf,
    row,
    status,
    setStatus,
    marks,
    setMarks,
    unbind,
    require,
    requireUser,
    index,
  };
}
