/** Time by state, largest first, with the names people use. */

import type { TimeSplit } from "../analysis/split.ts";
import { duration, percent } from "./format.ts";

export interface SplitPart {
  readonly name: string;
  /** `exec`, `sched`, `syscall` or `block`: what decides its colour. */
  readonly kind: "exec" | "sched" | "syscall" | "block";
  readonly ns: number;
}

export function splitParts(split: TimeSplit): SplitPart[] {
  const parts: SplitPart[] = [
    { name: "execution", kind: "exec", ns: split.exec_ns },
    { name: "scheduler wait", kind: "sched", ns: split.sched_wait_ns },
    { name: "syscall", kind: "syscall", ns: split.syscall_ns },
    { name: "syscall (blocked)", kind: "syscall", ns: split.syscall_block_ns },
    ...Object.entries(split.block_ns).map(([reason, ns]) => ({
      name: reason === "" ? "blocked" : reason,
      kind: "block" as const,
      ns,
    })),
  ];
  return parts.filter(({ ns }) => ns > 0).sort((a, b) => b.ns - a.ns);
}

export function blockedTotal(split: TimeSplit): number {
  return Object.values(split.block_ns).reduce((sum, ns) => sum + ns, 0);
}

/** `sleep 81.1ms (100%), execution 34.2µs (<0.1%)`: the parts that matter. */
export function splitText(split: TimeSplit, most = 3): string {
  const parts = splitParts(split);
  const total = parts.reduce((sum, { ns }) => sum + ns, 0);
  return parts
    .slice(0, most)
    .map((part) => `${part.name} ${duration(part.ns)} (${percent(part.ns / total)})`)
    .join(", ");
}
