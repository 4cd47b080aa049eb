/**
 * The hot loop of the engine as a WebAssembly function, made when the module is loaded: the merge of all threads'
 * streams through the state machine of goroutines, procs and threads, for the regular case of the events that make up
 * nearly all of a trace. Whatever is not regular (not yet possible, wrong, rare, an argument that is very long) it leaves
 * untouched and says so; order.ts then does that event with every check and comes back. Tests run both ways and compare.
 *
 * `run(until)`: writes rows until one of `Exit` is the case.
 *
 *  1. Take the thread whose next event is earliest.
 *  2. Decode the event's arguments, advance the state by it and write its row.
 *  3. Read the thread's next event up to its time, and stay with the thread while that is the earliest.
 */

import { MAX_RELATIVE_NS } from "../time.ts";
import type { Expression, Label } from "./assembler.ts";
import { regularEvents } from "./events.ts";
import { At, Cursor, Goroutine, Thread } from "./layout.ts";
import { makeMacros } from "./macros.ts";

/** Why the kernel returned. */
export const Exit = {
  /** There is no room for more rows, no thread has events, or the next is later than `until`. */
  stopped: 0,
  /** The next event of the earliest thread is not for the kernel. */
  event: 1,
  /** The earliest thread's event was done, and its next one is to be read: a new batch, or a very long varint. */
  next: 2,
} as const;

/** The kernel as the bytes of a module that imports `env.memory` and exports `run`. */
export function kernelModule(): Uint8Array {
  const macros = makeMacros();
  const {
    f,
    until,
    full,
    nsPerTick,
    heap,
    heapLength,
    goroutines,
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
    slot,
    found,
    hole,
    least,
    leastTime,
    setCompacted,
    endBits,
    upToLowest,
    lookUp,
  } = macros;
  const regular = regularEvents(macros);

  const cursorAt = (heapIndex: number | Expression): Expression =>
    f.load("i32", typeof heapIndex === "number" ? heap.add(heapIndex * 4) : heap.add(heapIndex.shl(2)));
  const timeAt = (heapIndex: number | Expression): Expression =>
    f.load("f64", cursorAt(heapIndex), Cursor.time);

  /** Takes the earliest thread; its `limit` is the time of the second. */
  const enterThread = (): void => {
    cursor.set(cursorAt(0));
    limit.set(until);
    for (const child of [1, 2]) {
      f.when(heapLength.gt(child), () => {
        leastTime.set(timeAt(child));
        limit.set(f.select(leastTime.lt(limit), leastTime, limit));
      });
    }
    position.set(f.load("i32", cursor, Cursor.position));
    end.set(f.load("i32", cursor, Cursor.end));
    type.set(f.load("i32", cursor, Cursor.type));
    thread.set(f.load("i32", 0, At.threads).add(f.load("i32", cursor, Cursor.thread).shl(5)));
    m.set(f.load("f64", thread, Thread.id));
    g.set(f.load("f64", thread, Thread.goroutine));
    p.set(f.load("i32", thread, Thread.proc));
    f.store("u8", thread, Thread.seen, 1);
    current.set(goroutines.add(f.load("i32", thread, Thread.goroutineSlot).shl(5)));
    f.when(f.load("f64", current, Goroutine.id).ne(g), () => {
      args[0].set(g.truncate());
      lookUp(args[0]);
      current.set(found);
    });
  };

  /** Writes back what is bound to the thread and where its cursor is. */
  const leaveThread = (): void => {
    f.store("f64", cursor, Cursor.time, time);
    f.store("i32", cursor, Cursor.position, position);
    f.store("i32", cursor, Cursor.type, type);
    f.store("f64", thread, Thread.goroutine, g);
    f.store("i32", thread, Thread.goroutineSlot, current.sub(goroutines).shr(5));
    f.store("i32", thread, Thread.proc, p);
  };

  const leave = (why: number): void => {
    f.store("i32", 0, At.rows, rows);
    f.store("f64", 0, At.lastTime, lastTime);
    f.leave(why);
  };

  /** The cursor at the top of the heap has a new time: moves it as Go's heapSiftDown does, swap by swap. */
  const siftDown = (): void => {
    hole.set(0);
    f.loop((down) => {
      const left = hole.shl(1).add(1);
      least.set(hole);
      leastTime.set(time);
      slot.set(left);
      f.when(slot.lt(heapLength), () => {
        f.when(timeAt(slot).lt(leastTime), () => {
          least.set(slot);
          leastTime.set(timeAt(slot));
        });
        slot.set(slot.add(1));
        f.when(slot.lt(heapLength), () => {
          f.when(timeAt(slot).lt(leastTime), () => least.set(slot));
        });
        f.when(least.ne(hole), () => {
          f.store("i32", heap.add(hole.shl(2)), 0, cursorAt(least));
          hole.set(least);
          f.branch(down);
        });
      });
    });
    f.store("i32", heap.add(hole.shl(2)), 0, cursor);
  };

  /** Reads the next event up to its time, at `position`. */
  const readHead = (): void => {
    const delta = args[0];
    f.block((unreadable) => {
      f.block((read) => {
        next.set(position.add(2));
        delta.set(f.load("u8", position, 1).wide());
        f.branchIf(read, next.le(end).and(delta.lt(128)));
        word.set(f.load("i64", position, 1));
        ends[0].set(endBits());
        f.branchIf(unreadable, position.ge(end).or(ends[0].eq(0)));
        next.set(position.add(ends[0].trailingZeros().add(9).shr(3).low()));
        f.branchIf(unreadable, next.gt(end));
        setCompacted(delta, word.and(upToLowest(ends[0])));
      });
      leastTime.set(time.add(delta.float().mul(nsPerTick).floor()));
      f.branchIf(unreadable, leastTime.gt(MAX_RELATIVE_NS));
      type.set(f.load("u8", position));
      time.set(leastTime);
      position.set(next);
      f.branch(readDone);
    });
  };
  let readDone: Label = 0;

  f.loop((merge) => {
    f.when(heapLength.eq(0).or(rows.gt(full)), () => leave(Exit.stopped));
    time.set(timeAt(0));
    f.when(time.gt(until), () => leave(Exit.stopped));
    enterThread();
    f.loop((events) => {
      f.block((advanced) => {
        f.block((irregular) => {
          f.switch(
            type,
            new Map([...regular].map(([number, body]) => [number, () => body(irregular)])),
            irregular,
          );
          f.branch(advanced);
        });
        leaveThread();
        leave(Exit.event);
      });
      position.set(next);
      f.block((done) => {
        readDone = done;
        readHead();
        leaveThread();
        leave(Exit.next);
      });
      f.branchIf(events, time.le(limit).and(rows.le(full)));
    });
    leaveThread();
    siftDown();
    f.branch(merge);
  });
  return f.module();
}
