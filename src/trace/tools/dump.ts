/** A trace as text, in the words of `go tool trace -d=parsed` and `-d=wire`. */

import { assertNever } from "../../base/errors.ts";
import type { EventColumns } from "../columns.ts";
import { eventAt } from "../events.ts";
import type { GoTransition, ProcTransition, Stack, TraceEvent } from "../events.ts";
import { readTrace } from "../reader.ts";
import type { ReaderOptions } from "../reader.ts";
import { Ev } from "../spec.ts";
import type { ClockSnapshot } from "../tables/sync.ts";
import { absoluteNanoseconds } from "../time.ts";
import { quoteText, wireLines } from "../text.ts";

/**
 * The lines `go tool trace -d=parsed` prints: each event in order, stacks beneath. Wall clocks are in UTC.
 * Throws TraceFormatError as reading does, after the lines of what came before.
 */
export function* dumpParsed(
  bytes: Uint8Array,
  options: ReaderOptions = {},
): Generator<string, void, undefined> {
  for (const batch of readTrace(bytes, options)) yield* dumpBatch(batch);
}

/** The lines of a batch's events. */
export function* dumpBatch(batch: EventColumns): Generator<string, void, undefined> {
  for (let i = 0; i < batch.length; i++) yield* eventLines(eventAt(batch, i), batch.type[i]!);
}

/** The lines `go tool trace -d=wire` prints: the wire event by event, with the version before. */
export function dumpWire(bytes: Uint8Array): Generator<string, void, undefined> {
  return wireLines(bytes);
}

function* eventLines(event: TraceEvent, type: number): Generator<string, void, undefined> {
  const context = `M=${event.thread} P=${event.proc} G=${event.goroutine}`;
  const line = `${context} ${event.kind} Time=${event.absoluteTime}${details(event)}`;
  yield line;
  let open = false;
  if (event.kind === "StateTransition") {
    // Go prints the title also where a creation's stack is empty.
    const { transition } = event;
    if (transition.stack !== undefined || type === Ev.GoCreate || type === Ev.GoCreateBlocked) {
      yield "TransitionStack=";
      yield* stackLines(transition.stack);
      open = true;
    }
  }
  if (event.stack !== undefined || type === Ev.CPUSample) {
    if (open) yield "";
    yield "Stack=";
    yield* stackLines(event.stack);
    open = true;
  }
  if (open) yield "";
}

function* stackLines(stack: Stack | undefined): Generator<string, void, undefined> {
  for (const frame of stack?.frames() ?? []) {
    yield `\t${frame.func} @ 0x${frame.pc.toString(16)}`;
    yield `\t\t${frame.file}:${frame.line}`;
  }
}

function details(event: TraceEvent): string {
  switch (event.kind) {
    case "Metric":
      return ` Name=${quoteText(event.name)} Value=${value(event.value)}`;
    case "Label":
      return ` Label=${quoteText(event.label)} Resource=Goroutine(${event.resource.id})`;
    case "RangeBegin":
    case "RangeActive":
    case "RangeEnd": {
      const { name, scope, attributes } = event.range;
      const on =
        scope.kind === "none" ? "None" : `${scope.kind === "proc" ? "Proc" : "Goroutine"}(${scope.id})`;
      const attribute = attributes.map((a) => `${quoteText(a.name)}=${value(a.value)}`).join(" ");
      return ` Name=${quoteText(name)} Scope=${on}${event.kind === "RangeEnd" ? ` Attributes=[${attribute}]` : ""}`;
    }
    case "TaskBegin":
    case "TaskEnd":
      return ` ID=${id(event.task.id)} Parent=${id(event.task.parent)} Type=${quoteText(event.task.name)}`;
    case "RegionBegin":
    case "RegionEnd":
      return ` Task=${id(event.task)} Type=${quoteText(event.name)}`;
    case "Log":
      return ` Task=${id(event.task)} Category=${quoteText(event.category)} Message=${quoteText(event.message)}`;
    case "StateTransition":
      return transitionDetails(event.transition);
    case "Experimental":
      return ` Name=${event.name} Args=[${event.args.map(([name, n]) => `${name}=${value(n)}`).join(", ")}]`;
    case "Sync":
      return ` N=${event.n}${event.clock === undefined ? "" : clockDetails(event.clock, event)}`;
    case "StackSample":
      return "";
    default:
      return assertNever(event);
  }
}

function transitionDetails({ resource, from, to, reason }: GoTransition | ProcTransition): string {
  const name = resource.kind === "proc" ? "ProcID" : "GoID";
  return ` ${name}=${resource.id} ${from}->${to} Reason=${quoteText(reason)}`;
}

function clockDetails(clock: ClockSnapshot, { generation }: TraceEvent): string {
  const trace = absoluteNanoseconds(generation.timeBase, generation.clockTime ?? 0);
  return ` Trace=${trace} Mono=${clock.mono} Wall=${formatWall(clock)}`;
}

/** RFC 3339 with as many digits of the second's fraction as are not trailing zeros, in UTC. */
function formatWall({ seconds, nanoseconds }: ClockSnapshot): string {
  const carried = seconds + Math.floor(nanoseconds / 1e9);
  const digits = String(nanoseconds % 1e9)
    .padStart(9, "0")
    .replace(/0+$/, "");
  const whole = new Date(carried * 1000).toISOString().slice(0, -5);
  return `${whole}${digits === "" ? "" : `.${digits}`}Z`;
}

/** Go's Value.String of a uint64. */
function value(n: number): string {
  return `Value{Uint64(${id(n)})}`;
}

/** An id is unsigned in Go: "none" is 2^64−1. */
function id(n: number): string {
  return n === -1 ? "18446744073709551615" : String(n);
}
