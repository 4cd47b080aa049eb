/** Why a goroutine waits, from where it waits: for waits that began before the trace, whose reason no event tells. */

import type { StackPool } from "./stacks.ts";

/** Frames near the leaf that tell; the last parts of function names vary with Go's versions. */
const rules: readonly (readonly [RegExp, string])[] = [
  [/^(internal\/poll\.runtime_pollWait|runtime\.netpollblock)/, "network"],
  [/^runtime\.chanrecv/, "chan receive"],
  [/^runtime\.chansend/, "chan send"],
  [/^runtime\.(selectgo|selectnbrecv|block$)/, "select"],
  [/^(internal\/)?sync\.runtime_notifyListWait/, "sync.(*Cond).Wait"],
  [/^(internal\/)?sync\.runtime_Sem[aA]cquire/, "sync"],
  [/^time\.Sleep$/, "sleep"],
];
/** How deep the runtime's own frames go above the one that tells. */
const DEPTH = 6;

/** Go's reason of a wait with this stack; "" if it cannot be told. */
export function reasonFromStack(stacks: StackPool, stack: number): string {
  const frames = stacks.framesOf(stack);
  for (let i = 0; i < Math.min(DEPTH, frames.length); i++) {
    const { func } = stacks.frames[frames[i]!]!;
    const rule = rules.find(([pattern]) => pattern.test(func));
    if (rule !== undefined) return rule[1];
  }
  return "";
}
