import { assertNever } from "../../base/errors.ts";
import { severityRank } from "../severity.ts";
import type { SpoolPolicy } from "../options.ts";

/** What the quota looks at in a capture. */
export interface Weighed {
  readonly id: string;
  readonly bytes: number;
  /** ISO 8601: sorts as text. */
  readonly created: string;
  readonly severity: string;
  /** A person asked for it, or pinned it: only another such may push it out, and a pinned one never goes. */
  readonly manual: boolean;
  readonly pinned: boolean;
  /** It is in the store already; here is only a copy. */
  readonly uploaded: boolean;
  /** An upload of it is under way at this moment. */
  readonly busy: boolean;
}

export interface SpoolLimits {
  readonly maxBytes: number;
  readonly maxCaptures: number;
  readonly policy: SpoolPolicy;
}

export type Room =
  | { readonly kind: "fits"; readonly evict: readonly string[] }
  | { readonly kind: "refused" };

/**
 * Whether `candidate` may come in, and what goes for it.
 *
 * 1. Copies of what is in the store go first, oldest first: nothing is lost with them.
 * 2. `drop_new` lets go of nothing else.
 * 3. `drop_oldest` lets go of the oldest; `keep_worst` of the least severe, oldest first among equals, and never of
 *    one that is worse than the candidate.
 * 4. Automatic captures go before manual ones; manual ones go only for another manual one; pinned ones stay.
 */
export function makeRoom(held: readonly Weighed[], candidate: Weighed, limits: SpoolLimits): Room {
  let bytes = candidate.bytes;
  let captures = 1;
  for (const each of held) {
    bytes += each.bytes;
    captures++;
  }
  const fits = (): boolean => bytes <= limits.maxBytes && captures <= limits.maxCaptures;
  if (fits()) return { kind: "fits", evict: [] };
  const evict: string[] = [];
  for (const victim of victims(held, candidate, limits.policy)) {
    evict.push(victim.id);
    bytes -= victim.bytes;
    captures--;
    if (fits()) return { kind: "fits", evict };
  }
  return { kind: "refused" };
}

/** What may go for the candidate, in the order it goes. */
function victims(held: readonly Weighed[], candidate: Weighed, policy: SpoolPolicy): readonly Weighed[] {
  const free = held.filter((each) => !each.busy && !each.pinned);
  const copies = free.filter((each) => each.uploaded).sort(olderFirst);
  const kept = held.filter((each) => !each.busy && each.uploaded && each.pinned).sort(olderFirst);
  const pending = free.filter((each) => !each.uploaded && (!each.manual || candidate.manual));
  switch (policy) {
    case "drop_new":
      return [...copies, ...kept];
    case "drop_oldest":
      return [...copies, ...kept, ...pending.sort((a, b) => byManual(a, b) || olderFirst(a, b))];
    case "keep_worst": {
      const rank = severityRank(candidate.severity);
      const lesser = pending.filter((each) => candidate.manual || severityRank(each.severity) <= rank);
      const order = lesser.sort((a, b) => byManual(a, b) || bySeverity(a, b) || olderFirst(a, b));
      return [...copies, ...kept, ...order];
    }
    default:
      return assertNever(policy);
  }
}

const olderFirst = (a: Weighed, b: Weighed): number =>
  a.created < b.created ? -1 : a.created > b.created ? 1 : 0;
const byManual = (a: Weighed, b: Weighed): number => Number(a.manual) - Number(b.manual);
const bySeverity = (a: Weighed, b: Weighed): number => severityRank(a.severity) - severityRank(b.severity);
