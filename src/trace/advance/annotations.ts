/** Tasks, regions, logs and labels. From Go's order.go. */

import { Mark } from "../kernel/layout.ts";
import type { ActiveRegion, Scheduler } from "../scheduler.ts";
import { textIndex } from "./ranges.ts";

/** Tasks and regions in progress at once; more are refused. */
export const MAX_ACTIVE_TASKS = 1 << 24;

export function advanceTaskBegin(
  s: Scheduler,
  task: number,
  wireParent: number,
  nameId: number,
  stackId: number,
): void {
  if (s.tasks.has(task)) throw s.fail(`task ID conflict: ${task}`);
  // A parent of 0 is "none" here, not the background task.
  const parent = wireParent === 0 ? -1 : wireParent;
  const name = s.string(nameId);
  if (s.tasks.count >= MAX_ACTIVE_TASKS)
    throw s.fail(`more than ${MAX_ACTIVE_TASKS} tasks in progress`, "limit");
  s.tasks.begin(task, parent, name);
  s.requireUser();
  s.emit(s.type, task, 0, 0, parent, name, s.stack(stackId));
}

export function advanceTaskEnd(s: Scheduler, task: number, stackId: number): void {
  const { parent, name } = s.tasks.end(task) ?? { parent: -1, name: 0 };
  s.requireUser();
  const index = typeof name === "number" ? name : textIndex(s, name);
  s.emit(s.type, task, 0, 0, parent, index, s.stack(stackId));
}

/** The list of a goroutine's regions, innermost last; the one in its record goes to it. */
function regionsOf(s: Scheduler, g: number, slot: number): ActiveRegion[] | undefined {
  const { goroutines } = s;
  if (goroutines.marked(slot, Mark.region)) {
    goroutines.clearMark(slot, Mark.region);
    goroutines.setMark(slot, Mark.regions);
    const name = s.generation!.strings.get(goroutines.regionName(slot));
    s.regions.set(g, [{ task: goroutines.regionTask(slot), name }]);
  }
  return s.regions.get(g);
}

/** A generation ends, and with it its strings: tasks and regions in progress are kept by text. */
export function keepTexts(s: Scheduler): void {
  if (s.generation !== undefined) s.tasks.keep(s.generation.strings);
  for (let slot = 1; slot < s.goroutines.used; slot++) regionsOf(s, s.goroutines.id(slot), slot);
}

export function advanceRegion(
  s: Scheduler,
  begin: boolean,
  task: number,
  nameId: number,
  stackId: number,
): void {
  s.requireUser();
  const index = s.string(nameId);
  const name = s.generation!.strings.get(index);
  const slot = s.goroutines.find(s.g);
  if (slot === 0) throw s.fail(`encountered region without known state for current goroutine ${s.g}`);
  const list = regionsOf(s, s.g, slot);
  if (begin) {
    s.goroutines.setMark(slot, Mark.regions);
    if (list === undefined) s.regions.set(s.g, [{ task, name }]);
    else list.push({ task, name });
  } else if (list !== undefined && list.length > 0) {
    const inner = list.at(-1)!;
    if (inner.task !== task || inner.name !== name) {
      throw s.fail(
        `misuse of region in goroutine ${s.g}: region end {${task} ${name}} when the inner-most active region start event is {${inner.task} ${inner.name}}`,
      );
    }
    list.pop();
    if (list.length === 0) {
      s.regions.delete(s.g);
      s.goroutines.clearMark(slot, Mark.regions);
    }
  }
  s.emit(s.type, task, 0, 0, index, 0, s.stack(stackId));
}

export function advanceLog(
  s: Scheduler,
  task: number,
  keyId: number,
  valueId: number,
  stackId: number,
): void {
  s.requireUser();
  s.emit(s.type, task, 0, 0, s.string(keyId), s.string(valueId), s.stack(stackId));
}

export function advanceLabel(s: Scheduler, labelId: number): void {
  s.requireUser();
  s.emit(s.type, s.g, 0, 0, s.string(labelId), 0, 0);
}
