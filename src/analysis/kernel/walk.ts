/**
 * The tracker's walk as a WebAssembly function, for the rows that make up nearly all of a trace: a goroutine that is
 * known, has a name and changes between running, runnable and waiting, or ends. What else there may be (it appears, is in a
 * syscall, gets its name, waits for the first time for a reason or at a stack) it leaves untouched and says so;
 * tracker.ts does that row and comes back. Tests run both ways and compare.
 *
 * `run(first)`: walks the rows from `first` on. Gives −1 at the batch's end; 2i if row i is to be done outside; 2i + 1 if
 * it was done and a pass wants to see it.
 */

import { Assembler } from "../../trace/kernel/assembler.ts";
import type { Expression, Label, Local } from "../../trace/kernel/assembler.ts";
import { KernelSource } from "../../trace/kernel/memory.ts";
import { Ev, GoState } from "../../trace/spec.ts";
import { At, Column, COUNTS, OWN, TABLES, TAKEN, TALLY_KINDS_BITS, Way, WAYS } from "./layout.ts";
import { levelsModule } from "./levels.ts";
import { tallyUp } from "./tally-up.ts";
import { SCATTER } from "../slots.ts";

/** Ids from it on are not told apart as doubles. */
const MAX_ID = 2 ** 53;
/** The first of the states that the kernel leaves (runnable, running, waiting), and how many there are; it enters one more. */
const FIRST_STATE = GoState.Runnable;
const STATES = 3;
/** Kinds of time of waits begin here: `Time.wait`. */
const FIRST_WAIT = 4;
/** The kernel as the bytes of a module that imports `env.memory` and exports `run`. */
function walkModule(): Uint8Array {
  const f = new Assembler(["i32"]);
  const i = f.parameters[0]!;
  const parameter = (at: number): Local => f.local("i32", f.load("i32", 0, at));
  const end = parameter(At.end);
  const buckets = parameter(At.buckets);
  const bucketMask = parameter(At.bucketMask);
  const shift = parameter(At.shift);
  const ids = parameter(At.ids);
  const since = parameter(At.since);
  const totals = parameter(At.totals);
  const stride = parameter(At.stride);
  const tallies = parameter(At.tallies);

  const type = f.local("i32");
  const from = f.local("i32");
  const to = f.local("i32");
  const subject = f.local("f64");
  const bucket = f.local("i32");
  const slot = f.local("i32");
  const index = f.local("i32");
  const stack = f.local("i32");
  const own = f.local("i32");
  const group = f.local("i32");
  const why = f.local("i32");
  const kind = f.local("i32");
  const time = f.local("f64");
  const begin = f.local("f64");
  const ns = f.local("f64");
  const tally = f.local("i32");
  const address = f.local("i32");

  const by4 = (base: Expression, at: Local): Expression => base.add(at.shl(2));
  const by8 = (base: Expression, at: Local): Expression => base.add(at.shl(3));
  /** The address of a slot's value in a table. */
  const of1 = (table: number): Expression => f.load("i32", 0, table).add(slot);
  const of4 = (table: number): Expression => by4(f.load("i32", 0, table), slot);
  const of8 = (table: number): Expression => by8(f.load("i32", 0, table), slot);

  const find = (irregular: Label): void => {
    subject.set(f.load("f64", i.shl(3), Column.subject));
    f.branchIf(irregular, subject.ge(MAX_ID).or(subject.lt(0)));
    bucket.set(subject.truncate().low().mul(SCATTER).shr(shift));
    f.loop((again) => {
      slot.set(f.load("i32", by4(buckets, bucket)).sub(1));
      f.branchIf(irregular, slot.eq(-1));
      f.when(f.load("f64", by8(ids, slot)).ne(subject), () => {
        bucket.set(bucket.add(1).and(bucketMask));
        f.branch(again);
      });
    });
  };

  const findStack = (irregular: Label): void => {
    index.set(f.load("i32", i.shl(2), Column.stack));
    stack.set(0);
    f.when(index.ne(0), () => {
      stack.set(f.load("i32", by4(f.load("i32", 0, At.stackIds), index)).sub(1));
      f.branchIf(irregular, stack.eq(-1));
    });
    own.set(f.load("u8", type, OWN).and(index.ne(0)));
    group.set(f.load("i32", of4(At.group)));
    f.branchIf(irregular, own.and(group.eq(0)));
  };

  /** Why it waits from now on; 0 unless the event says it. */
  const findReason = (irregular: Label): void => {
    why.set(0);
    f.when(type.eq(Ev.GoBlock).and(to.eq(GoState.Waiting)), () => {
      index.set(f.load("f64", i.shl(3), Column.arg0).truncate().low());
      f.branchIf(irregular, index.ge(f.load("i32", 0, At.reasonIdCount)));
      why.set(f.load("i32", by4(f.load("i32", 0, At.reasonIds), index)).sub(1));
      f.branchIf(irregular, why.eq(-1).or(why.eq(f.load("i32", 0, At.forever))));
      f.branchIf(irregular, why.add(FIRST_WAIT).ge(stride));
    });
  };

  /** Counts the interval that ends, with those of its group and kind. The last thing that may not be regular. */
  const countInterval = (irregular: Label): void => {
    f.when(tallies.ne(0), () => {
      f.branchIf(irregular, group.ge(f.load("i32", 0, At.tallyGroups)));
      index.set(group.shl(TALLY_KINDS_BITS).add(kind));
      tally.set(f.load("i32", by4(tallies, index)));
      f.branchIf(irregular, tally.eq(0));
      tallyUp(f, tally, ns);
    });
  };

  const track = (irregular: Label): void => {
    time.set(f.load("f64", i.shl(3), Column.time));
    begin.set(f.load("f64", by8(since, slot)));
    ns.set(time.sub(begin));
    // Running and runnable are 0 and 1 as kinds of time, 3 and 2 as states.
    kind.set(from.xor(GoState.Running).and(1));
    f.when(from.eq(GoState.Waiting), () => {
      kind.set(f.load("u8", of1(At.reason)));
      f.store("u8", i, Column.rowReason, kind);
      kind.set(kind.add(FIRST_WAIT));
    });
    countInterval(irregular);

    f.store("i32", i.shl(2), Column.rowSlot, slot);
    f.store("f64", i.shl(3), Column.rowSince, begin);
    f.store("u8", i, Column.rowBeganBy, f.load("u8", of1(At.beganBy)));
    f.store("i32", i.shl(2), Column.rowBeginStack, f.load("i32", of4(At.beginStack)));
    address.set(of4(At.ownStack));
    f.store("i32", i.shl(2), Column.rowOwnStack, f.load("i32", address));
    f.when(own, () => f.store("i32", address, 0, stack));

    address.set(totals.add(slot.mul(stride).add(kind).shl(3)));
    f.store("f64", address, 0, f.load("f64", address).add(ns));
    f.store("i32", of4(At.beginStack), 0, stack);
    f.store("u8", of1(At.beganBy), 0, type);
    f.store("u8", of1(At.state), 0, to);
    f.store("f64", by8(since, slot), 0, time);
    f.when(to.eq(GoState.Running), () => {
      address.set(of8(At.firstRun));
      // It is NaN until then.
      f.when(f.load("f64", address).ne(f.load("f64", address)), () => f.store("f64", address, 0, time));
    });
    f.when(to.eq(GoState.Waiting), () => f.store("u8", of1(At.reason), 0, why));
    f.when(to.eq(GoState.NotExist), () => {
      f.store("f64", of8(At.ended), 0, time);
      index.set(f.load("i32", 0, At.deathCount));
      f.store("i32", by4(f.load("i32", 0, At.deaths), index), 0, slot);
      f.store("i32", 0, At.deathCount, index.add(1));
    });
  };

  f.loop((nextRow) => {
    f.when(i.ge(end), () => f.leave(-1));
    f.block((irregular) => {
      type.set(f.load("u8", i, Column.type));
      f.block((done) => {
        f.block((untracked) => {
          kind.set(f.load("u8", type, WAYS));
          f.branchIf(untracked, kind.eq(Way.none));
          f.branchIf(irregular, kind.eq(Way.leave));
          from.set(f.load("u8", i, Column.from));
          to.set(f.load("u8", i, Column.to));
          f.when(from.eq(to), () => {
            f.branchIf(irregular, type.eq(Ev.GoStatusStack));
            f.branch(untracked);
          });
          f.branchIf(
            irregular,
            from
              .sub(FIRST_STATE)
              .ge(STATES)
              .or(to.sub(GoState.NotExist).ge(STATES + 1)),
          );
          find(irregular);
          findStack(irregular);
          findReason(irregular);
          track(irregular);
          f.branch(done);
        });
        f.store("i32", i.shl(2), Column.rowSlot, -1);
      });
      address.set(type.shl(3));
      f.store("f64", address, COUNTS, f.load("f64", address, COUNTS).add(1));
      f.when(f.load("u8", type, TAKEN), () => f.leave(i.shl(1).or(1)));
      i.set(i.add(1));
      f.branch(nextRow);
    });
    f.leave(i.shl(1));
  });
  return f.module();
}

/** The tracker's kernels, on one memory: the walk, and the scheduler's levels. */
export const trackerKernels = new KernelSource([walkModule, levelsModule], TABLES);
