/**
 * The events the kernel advances by, each as Go's order.go has it, for its regular case: whatever else may be goes to the
 * label `irregular`, before anything was changed. Each puts the position of the thread's next event in `next`.
 */

import { Ev, GoState, GoStatus, ProcState, ProcStatus } from "../spec.ts";
import type { Expression, Label } from "./assembler.ts";
import { At, Goroutine, Mark, Proc, Task } from "./layout.ts";
import type { Macros } from "./macros.ts";

/** By event number: the code of its regular case. */
export function regularEvents(macros: Macros): ReadonlyMap<number, (irregular: Label) => void> {
  const {
    f,
    seqBase,
    goroutines,
    buckets,
    bucketMask,
    thread,
    position,
    g,
    current,
    p,
    args,
    next,
    id,
    seq,
    parent,
    bucket,
    slot,
    found,
    proc,
    stack,
    text,
    other,
    hole,
    readArguments,
    lookUp,
    index,
    stackOf,
    row,
    status,
    setStatus,
    marks,
    setMarks,
    requireUser,
    ownProc,
    unbind,
    require,
  } = macros;

  const goStart = (irregular: Label): void => {
    f.branchIf(irregular, p.eq(-1).or(g.ne(-1)));
    readArguments(2, irregular);
    lookUp(args[0]);
    seq.set(args[1].float().add(seqBase));
    f.branchIf(irregular, status(found).ne(GoStatus.Runnable));
    f.branchIf(irregular, f.load("f64", found, Goroutine.seq).add(1).ne(seq));
    setStatus(found, GoStatus.Running);
    f.store("f64", found, Goroutine.seq, seq);
    row(Ev.GoStart, { g: -1, subject: id, from: GoState.Runnable, to: GoState.Running });
    g.set(id);
    current.set(found);
  };

  const goUnblock = (irregular: Label): void => {
    readArguments(3, irregular);
    lookUp(args[0]);
    seq.set(args[1].float().add(seqBase));
    f.branchIf(irregular, status(found).ne(GoStatus.Waiting));
    f.branchIf(irregular, f.load("f64", found, Goroutine.seq).add(1).ne(seq));
    stackOf(args[2], irregular);
    setStatus(found, GoStatus.Runnable);
    f.store("f64", found, Goroutine.seq, seq);
    row(Ev.GoUnblock, { g, subject: id, from: GoState.Waiting, to: GoState.Runnable, stack });
  };

  const goBlock =
    (of: number, to: number, toStatus: number) =>
    (irregular: Label): void => {
      require(GoStatus.Running, irregular);
      readArguments(2, irregular);
      index(text, args[0], At.strings, At.stringCount, irregular);
      stackOf(args[1], irregular);
      setStatus(current, toStatus);
      row(of, { g, subject: g, from: GoState.Running, to, arg0: text.float(), stack });
      unbind();
    };

  const goCreate =
    (of: number, to: number, toStatus: number) =>
    (irregular: Label): void => {
      require(GoStatus.Running, irregular);
      readArguments(3, irregular);
      lookUp(args[0]);
      f.branchIf(irregular, slot.ne(0));
      index(text, args[1], At.stacks, At.stackCount, irregular);
      stackOf(args[2], irregular);
      other.set(f.load("i32", 0, At.freeCount));
      f.when(
        other.ne(0),
        () => {
          other.set(other.sub(1));
          slot.set(f.load("i32", f.load("i32", 0, At.free).add(other.shl(2))));
          f.store("i32", 0, At.freeCount, other);
        },
        () => {
          slot.set(f.load("i32", 0, At.used));
          // The table has to grow first.
          f.branchIf(irregular, slot.eq(f.load("i32", 0, At.slots)));
          f.store("i32", 0, At.used, slot.add(1));
        },
      );
      found.set(goroutines.add(slot.shl(5)));
      f.store("f64", found, Goroutine.id, id);
      f.store("f64", found, Goroutine.seq, seqBase);
      setStatus(found, toStatus);
      setMarks(found, 0);
      f.store("i32", buckets.add(bucket.shl(2)), 0, slot);
      row(of, { g, subject: id, from: GoState.NotExist, to, arg0: text.float(), stack });
    };

  const homeOf = (record: Expression): Expression =>
    f.load("f64", record, Goroutine.id).truncate().low().and(bucketMask);

  /** A goroutine in no region or range ends: its bucket is emptied as `GoroutineTable.remove` does. */
  const goDestroy = (irregular: Label): void => {
    require(GoStatus.Running, irregular);
    f.branchIf(
      irregular,
      marks(current)
        .and(Mark.regions | Mark.ranges)
        .ne(0),
    );
    next.set(position);
    row(Ev.GoDestroy, { g, subject: g, from: GoState.Running, to: GoState.NotExist });
    slot.set(current.sub(goroutines).shr(5));
    hole.set(homeOf(current));
    f.loop((again) => {
      f.when(f.load("i32", buckets.add(hole.shl(2))).ne(slot), () => {
        hole.set(hole.add(1).and(bucketMask));
        f.branch(again);
      });
    });
    bucket.set(hole);
    f.loop((again) => {
      bucket.set(bucket.add(1).and(bucketMask));
      other.set(f.load("i32", buckets.add(bucket.shl(2))));
      f.when(other.ne(0), () => {
        const home = homeOf(goroutines.add(other.shl(5)));
        f.when(bucket.sub(home).and(bucketMask).ge(bucket.sub(hole).and(bucketMask)), () => {
          f.store("i32", buckets.add(hole.shl(2)), 0, other);
          hole.set(bucket);
        });
        f.branch(again);
      });
    });
    f.store("i32", buckets.add(hole.shl(2)), 0, 0);
    f.store("f64", current, Goroutine.id, -1);
    setStatus(current, 0);
    setMarks(current, 0);
    other.set(f.load("i32", 0, At.freeCount));
    f.store("i32", f.load("i32", 0, At.free).add(other.shl(2)), 0, slot);
    f.store("i32", 0, At.freeCount, other.add(1));
    unbind();
  };

  const syscallBegin = (irregular: Label): void => {
    require(GoStatus.Running, irregular);
    readArguments(2, irregular);
    stackOf(args[1], irregular);
    ownProc();
    seq.set(args[0].float().add(seqBase));
    f.branchIf(irregular, f.load("f64", proc, Proc.seq).add(1).ne(seq));
    setStatus(current, GoStatus.Syscall);
    f.store("u8", proc, Proc.status, ProcStatus.Syscall);
    f.store("f64", proc, Proc.seq, seq);
    row(Ev.GoSyscallBegin, { g, subject: g, from: GoState.Running, to: GoState.Syscall, stack });
  };

  const syscallEnd = (irregular: Label): void => {
    require(GoStatus.Syscall, irregular);
    ownProc();
    f.branchIf(irregular, f.load("u8", proc, Proc.status).ne(ProcStatus.Syscall));
    next.set(position);
    setStatus(current, GoStatus.Running);
    f.store("u8", proc, Proc.status, ProcStatus.Running);
    row(Ev.GoSyscallEnd, { g, subject: g, from: GoState.Syscall, to: GoState.Running });
  };

  /** The proc was lost meanwhile; where that was not seen yet, it is not this event's turn. */
  const syscallEndBlocked = (irregular: Label): void => {
    f.branchIf(irregular, status(current).ne(GoStatus.Syscall));
    f.when(p.ne(-1), () => {
      ownProc();
      f.branchIf(irregular, f.load("u8", proc, Proc.status).eq(ProcStatus.Syscall));
    });
    next.set(position);
    setStatus(current, GoStatus.Runnable);
    row(Ev.GoSyscallEndBlocked, { g, subject: g, from: GoState.Syscall, to: GoState.Runnable });
    unbind();
  };

  const procStart = (irregular: Label): void => {
    f.branchIf(irregular, p.ne(-1).or(thread.eq(f.load("i32", 0, At.threads))));
    readArguments(2, irregular);
    f.branchIf(irregular, args[0].ge(f.load("i32", 0, At.procCount).wide()));
    proc.set(f.load("i32", 0, At.procs).add(args[0].low().shl(4)));
    seq.set(args[1].float().add(seqBase));
    f.branchIf(irregular, f.load("u8", proc, Proc.status).ne(ProcStatus.Idle));
    f.branchIf(irregular, f.load("f64", proc, Proc.seq).add(1).ne(seq));
    f.store("u8", proc, Proc.status, ProcStatus.Running);
    f.store("f64", proc, Proc.seq, seq);
    row(Ev.ProcStart, { g, subject: args[0].float(), from: ProcState.Idle, to: ProcState.Running });
    p.set(args[0].low());
  };

  const procStop = (irregular: Label): void => {
    f.branchIf(irregular, p.eq(-1));
    ownProc();
    f.branchIf(irregular, f.load("u8", proc, Proc.status).ne(ProcStatus.Running));
    next.set(position);
    f.store("u8", proc, Proc.status, ProcStatus.Idle);
    row(Ev.ProcStop, { g, subject: p.float(), from: ProcState.Running, to: ProcState.Idle });
    p.set(-1);
  };

  const metric =
    (of: number) =>
    (irregular: Label): void => {
      f.branchIf(irregular, p.eq(-1));
      readArguments(1, irregular);
      f.branchIf(irregular, args[0].shr(53).ne(0));
      row(of, { g, subject: -1, from: 0, to: 0, arg0: args[0].float() });
    };

  const label = (irregular: Label): void => {
    f.branchIf(irregular, p.eq(-1).or(g.eq(-1)));
    readArguments(1, irregular);
    index(text, args[0], At.strings, At.stringCount, irregular);
    row(Ev.GoLabel, { g, subject: g, from: 0, to: 0, arg0: text.float() });
  };

  const log = (irregular: Label): void => {
    f.branchIf(irregular, p.eq(-1).or(g.eq(-1)));
    readArguments(4, irregular);
    index(text, args[1], At.strings, At.stringCount, irregular);
    index(other, args[2], At.strings, At.stringCount, irregular);
    stackOf(args[3], irregular);
    const columns = { from: 0, to: 0, arg0: text.float(), arg1: other.float(), stack };
    row(Ev.UserLog, { g, subject: args[0].float(), ...columns });
  };

  const taskAt = (of: Expression): Expression => f.load("i32", 0, At.tasks).add(of.shl(5));
  /** Finds the task of an id: `found` is its record, or the free one where it would be; `bucket` which of them. */
  const lookUpTask = (): void => {
    bucket.set(args[0].low().and(f.load("i32", 0, At.taskMask)));
    f.loop((again) => {
      found.set(taskAt(bucket));
      seq.set(f.load("f64", found, Task.id));
      f.when(seq.ne(id).and(seq.ne(0)), () => {
        bucket.set(bucket.add(1).and(f.load("i32", 0, At.taskMask)));
        f.branch(again);
      });
    });
  };

  /** A task's id is known not to be in use if it is above those of earlier generations: ids are handed out in sequence. */
  const taskBegin = (irregular: Label): void => {
    requireUser(irregular);
    readArguments(2, irregular);
    f.branchIf(irregular, args[0].shr(53).ne(0).or(args[1].shr(53).ne(0)));
    id.set(args[0].float());
    f.branchIf(irregular, id.le(f.load("f64", 0, At.olderTask)).or(id.eq(0)));
    lookUpTask();
    other.set(f.load("i32", 0, At.taskCount).add(1));
    // Twice, or the table has to grow first.
    f.branchIf(irregular, seq.ne(0).or(other.shl(1).gt(f.load("i32", 0, At.taskMask))));
    parent.set(f.select(args[1].eq(0), f.constant("f64", -1), args[1].float()));
    slot.set(next);
    readArguments(2, irregular, slot);
    index(text, args[0], At.strings, At.stringCount, irregular);
    stackOf(args[1], irregular);
    f.store("f64", found, Task.id, id);
    f.store("f64", found, Task.parent, parent);
    f.store("i32", found, Task.name, text);
    f.store("i32", 0, At.taskCount, other);
    row(Ev.UserTaskBegin, { g, subject: id, from: 0, to: 0, arg0: parent, arg1: text.float(), stack });
  };

  /** The end of a task that began in this generation; its bucket is emptied as `TaskTable` does. */
  const taskEnd = (irregular: Label): void => {
    requireUser(irregular);
    readArguments(2, irregular);
    f.branchIf(irregular, args[0].shr(53).ne(0).or(args[0].eq(0)));
    stackOf(args[1], irregular);
    id.set(args[0].float());
    lookUpTask();
    f.branchIf(irregular, seq.ne(id));
    parent.set(f.load("f64", found, Task.parent));
    text.set(f.load("i32", found, Task.name));
    const mask = f.load("i32", 0, At.taskMask);
    hole.set(bucket);
    f.loop((again) => {
      bucket.set(bucket.add(1).and(mask));
      other.set(taskAt(bucket));
      seq.set(f.load("f64", other, Task.id));
      f.when(seq.ne(0), () => {
        const home = seq.truncate().low().and(mask);
        f.when(bucket.sub(home).and(mask).ge(bucket.sub(hole).and(mask)), () => {
          f.store("f64", found, Task.id, seq);
          f.store("f64", found, Task.parent, f.load("f64", other, Task.parent));
          f.store("i32", found, Task.name, f.load("i32", other, Task.name));
          hole.set(bucket);
          found.set(other);
        });
        f.branch(again);
      });
    });
    f.store("f64", found, Task.id, 0);
    f.store("i32", 0, At.taskCount, f.load("i32", 0, At.taskCount).sub(1));
    row(Ev.UserTaskEnd, { g, subject: id, from: 0, to: 0, arg0: parent, arg1: text.float(), stack });
  };

  /** A goroutine's only region is kept in its record. */
  const regionBegin = (irregular: Label): void => {
    requireUser(irregular);
    other.set(marks(current));
    f.branchIf(irregular, other.and(Mark.regions | Mark.region).ne(0));
    readArguments(3, irregular);
    index(text, args[1], At.strings, At.stringCount, irregular);
    stackOf(args[2], irregular);
    setMarks(current, other.or(Mark.region));
    f.store("i32", current, Goroutine.regionName, text);
    f.store("f64", current, Goroutine.regionTask, args[0].float());
    row(Ev.UserRegionBegin, { g, subject: args[0].float(), from: 0, to: 0, arg0: text.float(), stack });
  };

  /** A region that is in no record and no list began before the trace did. */
  const regionEnd = (irregular: Label): void => {
    requireUser(irregular);
    other.set(marks(current));
    f.branchIf(irregular, other.and(Mark.regions).ne(0));
    readArguments(3, irregular);
    index(text, args[1], At.strings, At.stringCount, irregular);
    stackOf(args[2], irregular);
    f.when(other.and(Mark.region).ne(0), () => {
      f.branchIf(irregular, f.load("i32", current, Goroutine.regionName).ne(text));
      f.branchIf(irregular, f.load("f64", current, Goroutine.regionTask).ne(args[0].float()));
      setMarks(current, other.xor(Mark.region));
    });
    row(Ev.UserRegionEnd, { g, subject: args[0].float(), from: 0, to: 0, arg0: text.float(), stack });
  };

  const assistBegin = (irregular: Label): void => {
    requireUser(irregular);
    other.set(marks(current));
    f.branchIf(irregular, other.and(Mark.ranges | Mark.assist).ne(0));
    readArguments(1, irregular);
    stackOf(args[0], irregular);
    setMarks(current, other.or(Mark.assist));
    row(Ev.GCMarkAssistBegin, { g, subject: g, from: 0, to: 0, stack });
  };

  const assistEnd = (irregular: Label): void => {
    requireUser(irregular);
    other.set(marks(current));
    f.branchIf(irregular, other.and(Mark.ranges | Mark.assist).ne(Mark.assist));
    next.set(position);
    setMarks(current, other.xor(Mark.assist));
    row(Ev.GCMarkAssistEnd, { g, subject: g, from: 0, to: 0 });
  };

  const sweepBegin = (irregular: Label): void => {
    f.branchIf(irregular, p.eq(-1));
    ownProc();
    f.branchIf(irregular, f.load("u8", proc, Proc.sweeping).ne(0));
    readArguments(1, irregular);
    stackOf(args[0], irregular);
    f.store("u8", proc, Proc.sweeping, 1);
    row(Ev.GCSweepBegin, { g, subject: p.float(), from: 0, to: 0, stack });
  };

  const sweepEnd = (irregular: Label): void => {
    f.branchIf(irregular, p.eq(-1));
    ownProc();
    f.branchIf(irregular, f.load("u8", proc, Proc.sweeping).ne(1));
    readArguments(2, irregular);
    f.store("u8", proc, Proc.sweeping, 0);
    const columns = { from: 0, to: 0, arg0: args[0].float(), arg1: args[1].float() };
    row(Ev.GCSweepEnd, { g, subject: p.float(), ...columns });
  };

  return new Map([
    [Ev.GoStart, goStart],
    [Ev.GoUnblock, goUnblock],
    [Ev.GoBlock, goBlock(Ev.GoBlock, GoState.Waiting, GoStatus.Waiting)],
    [Ev.GoStop, goBlock(Ev.GoStop, GoState.Runnable, GoStatus.Runnable)],
    [Ev.GoDestroy, goDestroy],
    [Ev.GoCreate, goCreate(Ev.GoCreate, GoState.Runnable, GoStatus.Runnable)],
    [Ev.GoCreateBlocked, goCreate(Ev.GoCreateBlocked, GoState.Waiting, GoStatus.Waiting)],
    [Ev.GoSyscallBegin, syscallBegin],
    [Ev.GoSyscallEnd, syscallEnd],
    [Ev.GoSyscallEndBlocked, syscallEndBlocked],
    [Ev.ProcStart, procStart],
    [Ev.ProcStop, procStop],
    [Ev.GCSweepBegin, sweepBegin],
    [Ev.GCSweepEnd, sweepEnd],
    [Ev.GCMarkAssistBegin, assistBegin],
    [Ev.GCMarkAssistEnd, assistEnd],
    [Ev.GoLabel, label],
    [Ev.UserRegionBegin, regionBegin],
    [Ev.UserRegionEnd, regionEnd],
    [Ev.UserLog, log],
    [Ev.UserTaskBegin, taskBegin],
    [Ev.UserTaskEnd, taskEnd],
    [Ev.HeapAlloc, metric(Ev.HeapAlloc)],
    [Ev.HeapGoal, metric(Ev.HeapGoal)],
  ]);
}
