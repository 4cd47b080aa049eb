import type { TimeSplit } from "../../analysis/split.ts";
import { splitParts } from "../split.ts";
import type { SplitPart } from "../split.ts";
import { html } from "./markup.ts";
import type { Markup } from "./markup.ts";
import type { BarPart, Colour } from "./plots.ts";

/** Colours of wait reasons, by how they begin. */
const reasons: readonly (readonly [RegExp, Colour])[] = [
  [/^(?:sync|semacquire|mutex|rwmutex|waitgroup|cond)/i, "sync"],
  [/^running/, "exec"],
  [/^runnable/, "sched"],
  [/^syscall/, "syscall"],
  [/^network/i, "network"],
  [/^sleep/i, "sleep"],
  [/^chan/i, "chan"],
  [/^select/i, "select"],
  [/^(?:gc|GC|wait for debug|wait until GC|system goroutine)/, "gc"],
];

export function stateColour({ kind, name }: Pick<SplitPart, "kind" | "name">): Colour {
  if (kind !== "block") return kind;
  return reasons.find(([pattern]) => pattern.test(name))?.[1] ?? "other";
}

export function stateParts(split: TimeSplit): BarPart[] {
  return splitParts(split).map((part) => ({
    label: part.name,
    value: part.ns,
    colour: stateColour(part),
  }));
}

/** Each colour once, named as the first part that has it; the greatest parts first. */
export function legend(parts: readonly BarPart[]): Markup {
  const byColour = new Map<Colour, { label: string; value: number }>();
  for (const { label, value, colour } of parts) {
    const known = byColour.get(colour);
    if (known === undefined) byColour.set(colour, { label: colourNames[colour] ?? label, value });
    else known.value += value;
  }
  const whole = parts.reduce((sum, { value }) => sum + value, 0);
  const shown = [...byColour]
    .filter(([, { value }]) => value >= whole * LEAST_SEEN)
    .sort(([, a], [, b]) => b.value - a.value);
  return html`<ul class="legend">
    ${shown.map(([colour, { label }]) => html`<li><i class="f-${colour}"></i>${label}</li>`)}
  </ul>`;
}

/** Share of a bar below which a part is a hair's breadth. */
const LEAST_SEEN = 0.005;

/** Where a colour stands for several reasons. */
const colourNames: Partial<Record<Colour, string>> = {
  exec: "execution",
  sched: "scheduler wait",
  syscall: "syscall",
  sync: "sync",
  chan: "channel",
  gc: "GC",
  other: "other",
};
