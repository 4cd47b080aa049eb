import { EventColumns } from "../../src/trace/columns.ts";
import { emptyGeneration } from "../../src/trace/generation.ts";
import { Ev, GoState } from "../../src/trace/spec.ts";

/** Goroutines that live all at once: each is created, runs, is preempted, runs again and, but for some, ends. */
export function* crowd(goroutines: number): Generator<EventColumns> {
  const generation = emptyGeneration(26, 0);
  let columns = new EventColumns(generation);
  let time = 0;
  const row = (type: number, subject: number, from: number, to: number, arg0 = 0): void => {
    time += 1 + ((time * 7919) % 1000);
    columns.push({ time, type, g: -1, p: 0, m: 1 + (time % 700), subject, from, to, arg0 });
  };
  const steps = [
    [Ev.GoCreate, GoState.NotExist, GoState.Runnable],
    [Ev.GoStart, GoState.Runnable, GoState.Running],
    [Ev.GoStop, GoState.Running, GoState.Runnable],
    [Ev.GoStart, GoState.Runnable, GoState.Running],
    [Ev.GoDestroy, GoState.Running, GoState.NotExist],
  ] as const;
  row(Ev.Sync, 1, 0, 0);
  row(Ev.ProcsChange, -1, 0, 0, 4);
  for (const [type, from, to] of steps) {
    for (let id = 1; id <= goroutines; id++) {
      if (type === Ev.GoDestroy && id % 3 === 0) continue;
      row(type, id, from, to);
      if (columns.length < columns.capacity) continue;
      yield columns;
      columns = new EventColumns(generation);
    }
  }
  yield columns;
}
