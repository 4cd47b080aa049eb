/**
 * The regular case of the events that make up nearly all of a trace, as a WebAssembly function: what `TraceSignals` does
 * with them row by row, many times faster. A row that is not regular (a goroutine, a reason, a stack not seen before, a
 * request, a gap) it leaves untouched and says which; tests compare both ways.
 *
 * `run(from, length)`: goes through the rows, and returns the first that is not for it, or `length`. What it adds to a
 * sample, and rows that change no goroutine's state (tasks, regions, logs), it puts on lists.
 */

import { RequestMark } from "../../analysis/requests.ts";
import { Assembler, type Expression, type Label, type Local } from "../../trace/kernel/assembler.ts";
import { Ev, GoState } from "../../trace/spec.ts";
import { At, Column, GOLDEN, WORTH_A_LOOK_NS } from "./layout.ts";

/** The kernel as the bytes of a module that imports `env.memory` and exports `run`. */
export function signalsKernel(): Uint8Array {
  const f = new Assembler(["i32", "i32"]);
  const [row, length] = f.parameters as [Local, Local];
  const word = (at: number): Local => f.local("i32", f.load("i32", 0, at));
  const requests = word(At.requests);
  const mayWait = word(At.mayWait);
  const buckets = word(At.buckets);
  const mask = word(At.bucketMask);
  const shift = word(At.bucketShift);
  const ids = word(At.ids);
  const states = word(At.state);
  const sinces = word(At.since);
  const exacts = word(At.exact);
  const reasons = word(At.reason);
  const sites = word(At.site);
  const starts = word(At.start);
  const marks = word(At.marks);
  const runnable = word(At.runnable);
  const maxRunnable = word(At.maxRunnable);
  const latencies = f.local("i32", 0);
  const syscalls = f.local("i32", 0);
  const later = f.local("i32", 0);
  const last = f.local("f64", f.load("f64", 0, At.last));
  const runningNs = f.local("f64", f.load("f64", 0, At.runningNs));
  const time = f.local("f64");
  const since = f.local("f64");
  const id = f.local("f64");
  const bucket = f.local("i32");
  const slot = f.local("i32");
  const by4 = f.local("i32");
  const by8 = f.local("i32");
  const p = f.local("i32");
  const stack = f.local("i32");
  const why = f.local("i32");
  const place = f.local("i32");

  const leave = (at: Local): void => {
    f.store("i32", 0, At.runnable, runnable);
    f.store("i32", 0, At.maxRunnable, maxRunnable);
    f.store("i32", 0, At.latencies, latencies);
    f.store("i32", 0, At.syscalls, syscalls);
    f.store("i32", 0, At.later, later);
    f.store("f64", 0, At.last, last);
    f.store("f64", 0, At.runningNs, runningNs);
    f.leave(at);
  };

  /** The slot of the goroutine that a column names. */
  const find = (column: number, irregular: Label): void => {
    id.set(f.load("f64", row.shl(3), column));
    bucket.set(id.truncate().low().mul(GOLDEN).shr(shift));
    f.loop((again) => {
      slot.set(f.load("i32", buckets.add(bucket.shl(2))).sub(1));
      f.branchIf(irregular, slot.eq(-1));
      by8.set(slot.shl(3));
      f.when(f.load("f64", ids.add(by8)).ne(id), () => {
        bucket.set(bucket.add(1).and(mask));
        f.branch(again);
      });
    });
    by4.set(slot.shl(2));
  };

  const doLater = (): void => {
    f.store("i32", later.shl(2), Column.laterRow, row);
    f.store("i32", later.shl(2), Column.laterSlot, slot);
    later.set(later.add(1));
  };

  // What may not be regular, before anything is changed.
  const wasRunning = (irregular: Label): void => {
    f.branchIf(irregular, f.load("u8", f.load("i32", 0, At.assisting).add(slot)).ne(0));
    stack.set(f.load("i32", row.shl(2), Column.stack));
    f.when(stack.ne(0), () => {
      f.branchIf(irregular, f.load("i32", starts.add(by4)).shr(31).ne(0));
      f.branchIf(irregular, requests.ne(0).and(f.load("u8", marks.add(stack)).ne(RequestMark.none)));
    });
  };
  /** The proc, which has to be one that is followed; −1 for none. */
  const procOf = (irregular: Label): void => {
    p.set(f.load("i32", row.shl(2), Column.p));
    f.branchIf(irregular, p.ne(-1).and(p.ge(f.load("i32", 0, At.procCount))));
  };
  const setRunningSince = (value: Expression | number): void => {
    f.when(p.ne(-1), () => f.store("f64", f.load("i32", 0, At.runningSince).add(p.shl(3)), 0, value));
  };
  const becomes = (state: number): void => {
    f.store("u8", states.add(slot), 0, state);
    f.store("f64", sinces.add(by8), 0, time);
    f.store("u8", exacts.add(slot), 0, 1);
  };
  const oneMoreRunnable = (): void => {
    runnable.set(runnable.add(1));
    maxRunnable.set(f.select(runnable.gt(maxRunnable), runnable, maxRunnable));
  };
  const mayEndWaiting = (count: number, irregular: Label): void =>
    f.branchIf(irregular, mayWait.ne(0).and(runnable.eq(count)));

  /** The goroutine is known and in this state; `since` when. */
  const from = (state: number, irregular: Label): void => {
    find(Column.subject, irregular);
    f.branchIf(irregular, f.load("u8", states.add(slot)).ne(state));
    since.set(f.load("f64", sinces.add(by8)));
  };

  const start = (irregular: Label): void => {
    from(GoState.Runnable, irregular);
    mayEndWaiting(1, irregular);
    procOf(irregular);
    runnable.set(runnable.sub(1));
    f.when(f.load("u8", exacts.add(slot)).ne(0), () => {
      f.store("f64", latencies.shl(3), Column.latency, time.sub(since));
      f.store("f64", latencies.shl(3), Column.latencyAt, time);
      latencies.set(latencies.add(1));
    });
    becomes(GoState.Running);
    setRunningSince(time);
  };

  const unblock = (irregular: Label): void => {
    from(GoState.Waiting, irregular);
    mayEndWaiting(0, irregular);
    f.when(requests.ne(0), () => {
      id.set(f.load("f64", f.load("i32", 0, At.requestSince).add(by8)));
      f.branchIf(irregular, id.eq(id).and(f.load("u8", f.load("i32", 0, At.requestSeen).add(slot)).eq(0)));
    });
    id.set(f.load("f64", 0, At.intervalStart));
    since.set(f.select(since.gt(id), since, id));
    place.set(f.load("i32", 0, At.blockedNs).add(f.load("i32", reasons.add(by4)).shl(3)));
    f.store("f64", place, 0, f.load("f64", place).add(time.sub(since)));
    becomes(GoState.Runnable);
    oneMoreRunnable();
  };

  /** A goroutine stops running by itself. */
  const stops = (irregular: Label): void => {
    from(GoState.Running, irregular);
    wasRunning(irregular);
    procOf(irregular);
  };
  const stopped = (): void => {
    runningNs.set(runningNs.add(time.sub(since)));
    setRunningSince(Number.POSITIVE_INFINITY);
  };

  const block = (irregular: Label): void => {
    stops(irregular);
    why.set(f.load("f64", row.shl(3), Column.arg0).truncate().low());
    f.branchIf(irregular, why.ge(f.load("i32", 0, At.reasonCount)));
    why.set(f.load("i32", f.load("i32", 0, At.reasonOf).add(why.shl(2))));
    f.branchIf(irregular, why.eq(0));
    stopped();
    becomes(GoState.Waiting);
    f.store("i32", reasons.add(by4), 0, why.sub(1));
    f.store("i32", sites.add(by4), 0, stack);
  };

  const stop = (irregular: Label): void => {
    stops(irregular);
    mayEndWaiting(0, irregular);
    stopped();
    becomes(GoState.Runnable);
    oneMoreRunnable();
  };

  const syscall = (irregular: Label): void => {
    stops(irregular);
    stopped();
    becomes(GoState.Syscall);
    f.store("i32", sites.add(by4), 0, stack);
  };

  /** The series of the system call's site, in `why`, is known; it is put on the list. */
  const endOfSyscall = (irregular: Label): void => {
    place.set(f.load("i32", sites.add(by4)));
    // Of an earlier generation: below 0, so large without sign.
    f.branchIf(irregular, place.ge(f.load("i32", 0, At.stackCount)));
    why.set(f.load("i32", f.load("i32", 0, At.syscallSeries).add(place.shl(2))));
    f.branchIf(irregular, why.eq(0).or(f.load("u8", exacts.add(slot)).eq(0)));
  };
  const listSyscall = (): void => {
    f.store("f64", syscalls.shl(3), Column.syscall, time.sub(since));
    f.store("f64", syscalls.shl(3), Column.syscallAt, time);
    f.store("i32", syscalls.shl(2), Column.syscallOf, why.sub(1));
    syscalls.set(syscalls.add(1));
  };
  const syscallEnd = (irregular: Label): void => {
    from(GoState.Syscall, irregular);
    endOfSyscall(irregular);
    procOf(irregular);
    listSyscall();
    becomes(GoState.Running);
    setRunningSince(time);
  };
  const syscallEndBlocked = (irregular: Label): void => {
    from(GoState.Syscall, irregular);
    endOfSyscall(irregular);
    mayEndWaiting(0, irregular);
    listSyscall();
    becomes(GoState.Runnable);
    oneMoreRunnable();
  };

  /** A goroutine begins that takes the slot of one that ended; its start function is known. */
  const create = (irregular: Label): void => {
    f.branchIf(irregular, requests.ne(0));
    mayEndWaiting(0, irregular);
    why.set(f.load("f64", row.shl(3), Column.arg0).truncate().low());
    f.branchIf(irregular, why.ge(f.load("i32", 0, At.stackCount)));
    why.set(f.load("i32", f.load("i32", 0, At.roots).add(why.shl(2))));
    place.set(f.load("i32", 0, At.freeCount));
    f.branchIf(irregular, why.eq(0).or(place.eq(0)));
    id.set(f.load("f64", row.shl(3), Column.subject));
    bucket.set(id.truncate().low().mul(GOLDEN).shr(shift));
    f.loop((again) => {
      slot.set(f.load("i32", buckets.add(bucket.shl(2))));
      f.when(slot.ne(0), () => {
        f.branchIf(irregular, f.load("f64", ids.add(slot.sub(1).shl(3))).eq(id));
        bucket.set(bucket.add(1).and(mask));
        f.branch(again);
      });
    });
    place.set(place.sub(1));
    f.store("i32", 0, At.freeCount, place);
    f.store("i32", 0, At.count, f.load("i32", 0, At.count).add(1));
    slot.set(f.load("i32", f.load("i32", 0, At.free).add(place.shl(2))));
    f.store("i32", buckets.add(bucket.shl(2)), 0, slot.add(1));
    by4.set(slot.shl(2));
    by8.set(slot.shl(3));
    f.store("f64", ids.add(by8), 0, id);
    becomes(GoState.Runnable);
    f.store("i32", reasons.add(by4), 0, 0);
    f.store("i32", sites.add(by4), 0, -1);
    f.store("i32", starts.add(by4), 0, why.sub(1));
    f.store("u8", f.load("i32", 0, At.assisting).add(slot), 0, 0);
    f.store("f64", f.load("i32", 0, At.requestSince).add(by8), 0, Number.NaN);
    f.store("u8", f.load("i32", 0, At.requestSeen).add(slot), 0, 0);
    f.store("i32", f.load("i32", 0, At.requestName).add(by4), 0, -1);
    f.store("i32", f.load("i32", 0, At.region).add(by4), 0, -1);
    f.store("i32", f.load("i32", 0, At.regionsMissed).add(by4), 0, 0);
    oneMoreRunnable();
    doLater();
  };

  /** It is let go later: its id does not come again. */
  const destroy = (irregular: Label): void => {
    stops(irregular);
    stopped();
    doLater();
  };

  const region = (irregular: Label): void => {
    find(Column.g, irregular);
    doLater();
  };
  /** The first task says that requests are not to be read out of stacks any more. */
  const task = (irregular: Label): void => {
    f.branchIf(irregular, requests.ne(0));
    doLater();
  };
  const nothing = (): void => {};

  const regular = new Map<number, (irregular: Label) => void>([
    [Ev.GoStart, start],
    [Ev.GoUnblock, unblock],
    [Ev.GoBlock, block],
    [Ev.GoStop, stop],
    [Ev.GoCreate, create],
    [Ev.GoDestroy, destroy],
    [Ev.GoSyscallBegin, syscall],
    [Ev.GoSyscallEnd, syscallEnd],
    [Ev.GoSyscallEndBlocked, syscallEndBlocked],
    [Ev.UserRegionBegin, region],
    [Ev.UserRegionEnd, region],
    [Ev.UserTaskBegin, task],
    [Ev.UserTaskEnd, task],
    [Ev.UserLog, task],
    [Ev.GCSweepBegin, nothing],
    [Ev.GCSweepEnd, nothing],
  ]);

  f.loop((rows) => {
    f.when(row.ge(length), () => leave(length));
    time.set(f.load("f64", row.shl(3), Column.time));
    f.block((done) => {
      f.block((irregular) => {
        f.branchIf(irregular, time.sub(last).ge(WORTH_A_LOOK_NS));
        f.switch(
          f.load("u8", row, Column.type),
          new Map([...regular].map(([number, body]) => [number, () => body(irregular)])),
          irregular,
        );
        f.branch(done);
      });
      leave(row);
    });
    last.set(time);
    row.set(row.add(1));
    f.branch(rows);
  });
  return f.module();
}
