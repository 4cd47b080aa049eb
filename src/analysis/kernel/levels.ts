/**
 * How many goroutines run and could run, over the rows of a batch, as a WebAssembly function: scheduler.ts says what is
 * counted. `run(first)` goes up to a row that is not regular (of a proc, a thread not seen yet, a syscall, a wait that is
 * not tallied, or after the end of the series' bucket) and gives its number, or up to the batch's end.
 */

import { Assembler } from "../../trace/kernel/assembler.ts";
import type { Expression, Label, Local } from "../../trace/kernel/assembler.ts";
import { Ev, GoState } from "../../trace/spec.ts";
import { At, Column, Level, LEVELS, THREAD_MASK, THREADS, WAITS } from "./layout.ts";
import { tallyUp } from "./tally-up.ts";

/** The kernel as the bytes of a module that imports `env.memory` and exports `run`. */
export function levelsModule(): Uint8Array {
  const f = new Assembler(["i32"]);
  const i = f.parameters[0]!;
  const kept: [Local, number][] = [];
  /** A local that is written back at the end. */
  const keep = (at: number): Local => {
    const local = f.local("f64", f.load("f64", LEVELS, at));
    kept.push([local, at]);
    return local;
  };
  const given = (at: number): Local => f.local("f64", f.load("f64", LEVELS, at));
  const end = f.local("i32", f.load("i32", 0, At.end));
  const bucketEnd = given(Level.bucketEnd);
  const procs = given(Level.procs);
  const idle = given(Level.idle);
  const changed = keep(Level.changed);
  const overloaded = keep(Level.overloaded);
  const idleWhileRunnable = keep(Level.idleWhileRunnable);
  const level = (at: number) => ({
    value: keep(at),
    area: keep(at + 8),
    least: keep(at + 16),
    most: keep(at + 24),
  });
  const runnable = level(Level.runnable);
  const executing = level(Level.executing);
  const inSyscall = given(Level.inSyscall);
  const syscallArea = keep(Level.inSyscall + 8);

  const time = f.local("f64");
  const ns = f.local("f64");
  const wait = f.local("f64");
  const m = f.local("f64");
  const type = f.local("i32");
  const from = f.local("i32");
  const to = f.local("i32");
  const tally = f.local("i32");

  const addTo = (sum: Local, ns_: Expression): void => sum.set(sum.add(ns_));
  const fall = ({ value, least }: ReturnType<typeof level>): void => {
    value.set(value.sub(1));
    f.when(value.lt(least), () => least.set(value));
  };
  const rise = ({ value, most }: ReturnType<typeof level>): void => {
    value.set(value.add(1));
    f.when(value.gt(most), () => most.set(value));
  };

  const transition = (irregular: Label): void => {
    f.branchIf(irregular, from.eq(GoState.Syscall).or(to.eq(GoState.Syscall)));
    tally.set(0);
    f.when(from.eq(GoState.Runnable), () => {
      tally.set(f.load("i32", f.load("u8", i, Column.rowBeganBy).shl(2), WAITS));
      f.branchIf(irregular, tally.eq(0));
      wait.set(time.sub(f.load("f64", i.shl(3), Column.rowSince)));
      tallyUp(f, tally, wait);
    });
    ns.set(time.sub(changed));
    changed.set(time);
    addTo(executing.area, executing.value.mul(ns));
    addTo(syscallArea, inSyscall.mul(ns));
    f.when(runnable.value.gt(0), () => {
      addTo(runnable.area, runnable.value.mul(ns));
      f.when(runnable.value.gt(procs), () => addTo(overloaded, ns));
      f.when(idle.gt(0), () =>
        addTo(idleWhileRunnable, f.select(idle.lt(runnable.value), idle, runnable.value).mul(ns)),
      );
    });
    f.when(from.eq(GoState.Runnable), () => fall(runnable));
    f.when(from.eq(GoState.Running), () => fall(executing));
    f.when(to.eq(GoState.Runnable), () => rise(runnable));
    f.when(to.eq(GoState.Running), () => rise(executing));
  };

  f.loop((nextRow) => {
    f.block((stop) => {
      f.branchIf(stop, i.ge(end));
      time.set(f.load("f64", i.shl(3), Column.time));
      f.branchIf(stop, time.ge(bucketEnd));
      m.set(f.load("f64", i.shl(3), Column.m));
      f.branchIf(stop, f.load("f64", m.truncate().low().and(THREAD_MASK).shl(3), THREADS).ne(m));
      from.set(f.load("u8", i, Column.from));
      to.set(f.load("u8", i, Column.to));
      f.when(
        f.load("i32", i.shl(2), Column.rowSlot).ne(-1),
        () => transition(stop),
        () => {
          type.set(f.load("u8", i, Column.type));
          f.branchIf(stop, type.eq(Ev.ProcsChange).or(type.eq(Ev.Sync)));
          const isProc = type.ge(Ev.ProcStart).and(type.le(Ev.ProcStatus));
          f.branchIf(stop, isProc.and(from.ne(to)));
        },
      );
      i.set(i.add(1));
      f.branch(nextRow);
    });
    for (const [local, at] of kept) f.store("f64", LEVELS, at, local);
    f.leave(i);
  });
  return f.module();
}
