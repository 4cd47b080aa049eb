import type { Clock } from "../base/clock.ts";
import { errorMessage, ScrapeError } from "../base/errors.ts";
import { bytes, MiB, milliseconds, type EpochMilliseconds, type Milliseconds } from "../base/units.ts";
import { traceFiles } from "../capture/build.ts";
import { planTrace, type TracePart } from "../capture/plan.ts";
import { Outflow } from "../http/outflow.ts";
import type { PprofAnswer, PprofApi, PprofRefusal } from "../http/pprof.ts";
import type { TraceSource } from "../recorder/source.ts";
import { fetchPage } from "../scraper/page.ts";
import { fetchPprofIndex } from "../scraper/pprof-index.ts";
import { resolveTarget } from "./api.ts";
import type { LiveTraces } from "./live.ts";
import type { TargetSet, WatchedTarget } from "./targets.ts";

export interface PprofParts {
  readonly targets: TargetSet;
  readonly live: LiveTraces;
  readonly clock: Clock;
}

/** Answers on their way to clients at once; each holds at most a ring, or a profile. */
const MAX_ANSWERS = 16;
/** A client that takes nothing for so long is given up. */
const STALL_MS = 30_000;
/** A whole ring may wait for its client: it is references. */
const RING_BOUND = bytes(1024 * MiB);
/** The newest second is sealed about a second late. */
const TAIL_PATIENCE_MS = 3000;
const TRACE_TYPE = "application/octet-stream";

/** The watched targets' pprof, as the agent serves it. */
export function createPprofApi(parts: PprofParts): PprofApi {
  const { targets, live, clock } = parts;
  const slots = new Slots();
  return {
    targets: () => targets.names(),
    resolveTarget: (name) => resolveTarget(targets, name),
    now: () => clock.now(),
    follow: async (target, duration, signal) => follow(targets.get(target), live, duration, signal),
    past: async (target, from, to, signal) => past(targets.get(target), { from, to }, slots, clock, signal),
    page: async (target, name, query, signal) => {
      const watched = targets.get(target);
      if (watched === undefined) return gone(target);
      const release = slots.take(`${target}\0${name}`);
      if (release === undefined) {
        return refused(
          429,
          `${name} of ${target} is being read already`,
          "One at a time for each target and profile.",
        );
      }
      return await passOn(watched, { name, query }, release, signal);
    },
    profiles: async (target, signal) => {
      const watched = targets.get(target);
      return watched === undefined
        ? []
        : await fetchPprofIndex(watched.dispatcher, watched.target, watched.profiles, signal);
    },
  };
}

async function follow(
  watched: WatchedTarget | undefined,
  live: LiveTraces,
  duration: Milliseconds,
  signal: AbortSignal,
): Promise<PprofAnswer | PprofRefusal> {
  if (watched === undefined) return gone("it");
  const { target, recorder } = watched;
  const silent = notRecorded(recorder);
  if (silent !== undefined) return silent;
  const body = await live.follow(target.name, duration, signal);
  if (body === "busy") return refused(429, `too many read the trace of ${target.name} already`);
  if (body === "silent") {
    return (
      notRecorded(recorder) ??
      refused(503, `${target.name} sent no whole generation in time: ${recorder.state.reason}`)
    );
  }
  return { kind: "answer", status: 200, contentType: TRACE_TYPE, body };
}

/** Nothing will come soon: why. */
function notRecorded({ state }: TraceSource): PprofRefusal | undefined {
  const { kind, mode, reason } = state;
  const silent =
    kind === "stopped" ||
    kind === "yielded" ||
    kind === "paused" ||
    (kind === "waiting" && mode === "stream");
  if (!silent) return undefined;
  return refused(503, `it is not being recorded: ${reason}`, "What the ring still holds is there: ?ago=10s");
}

async function past(
  watched: WatchedTarget | undefined,
  window: { readonly from: EpochMilliseconds; readonly to: EpochMilliseconds },
  slots: Slots,
  clock: Clock,
  signal: AbortSignal,
): Promise<PprofAnswer | PprofRefusal> {
  if (watched === undefined) return gone("it");
  const { recorder } = watched;
  const limit = milliseconds(Math.max(0, window.to - clock.now()) + TAIL_PATIENCE_MS);
  await recorder.reaches(window.to, limit, signal);
  const plan = planTrace(recorder.sessions(), { ...window, moment: window.to });
  const held = describeHeld(recorder);
  const { main } = plan;
  if (main === undefined || !overlaps(main, window)) {
    return refused(
      404,
      `the ring does not hold that time: ${held}`,
      "ring.min_age and ring.max_bytes say how much it keeps.",
    );
  }
  const release = slots.take(undefined);
  if (release === undefined) return refused(429, "too many traces are being downloaded already");
  const out = new Outflow({ maxBytes: RING_BOUND, stallMs: STALL_MS, onClosed: release });
  for (const chunk of traceFiles({ ...plan, earlier: [] })[0]?.chunks ?? []) out.offer(chunk);
  out.end();
  const [first, last] = [main.generations[0], main.generations.at(-1)];
  return {
    kind: "answer",
    status: 200,
    contentType: TRACE_TYPE,
    body: out.body,
    window: {
      start: instant(first?.wallStart ?? window.from),
      end: instant(last?.wallEnd ?? window.to),
      ...(plan.missing !== undefined && { missing: plan.missing }),
    },
  };
}

function overlaps(part: TracePart, window: { readonly from: number; readonly to: number }): boolean {
  const start = part.generations[0]?.wallStart ?? Infinity;
  const end = part.generations.at(-1)?.wallEnd ?? -Infinity;
  return start <= window.to && end >= window.from;
}

function describeHeld(recorder: TraceSource): string {
  const generations = recorder.sessions().flatMap((session) => session.generations);
  const [first, last] = [generations[0], generations.at(-1)];
  if (first === undefined || last === undefined) return "it is empty";
  return `it reaches from ${instant(first.wallStart)} to ${instant(last.wallEnd)}`;
}

/** A page of the target itself, read whole within its bounds, so that a slow client never holds the target. */
async function passOn(
  watched: WatchedTarget,
  asked: { readonly name: string; readonly query: Readonly<Record<string, string>> },
  release: () => void,
  signal: AbortSignal,
): Promise<PprofAnswer | PprofRefusal> {
  const { target, dispatcher, profiles } = watched;
  // Without a duration Go samples the CPU for 30 s.
  const lasts = Number(asked.query["seconds"] ?? (asked.name === "profile" ? 30 : 0)) * 1000;
  const limits = {
    timeout: milliseconds(profiles.timeout + lasts),
    maxBytes: bytes(profiles.maxBytes),
  };
  try {
    const path = profiles.pathPrefix + asked.name;
    const page = await fetchPage(dispatcher, target, path, asked.query, limits, signal);
    const out = new Outflow({ maxBytes: limits.maxBytes, stallMs: STALL_MS, onClosed: release });
    for (const chunk of page.chunks) out.offer(chunk);
    out.end();
    return { kind: "answer", status: page.status, contentType: page.contentType, body: out.body };
  } catch (error) {
    release();
    if (!(error instanceof ScrapeError)) throw error;
    return refused(502, errorMessage(error), error.hint);
  }
}

/** Bounds what is on its way: in all, and to one for each key. */
class Slots {
  readonly #keys = new Set<string>();
  #taken = 0;

  /** Returns what gives the slot back, or undefined when there is none. */
  take(key: string | undefined): (() => void) | undefined {
    if (this.#taken >= MAX_ANSWERS || (key !== undefined && this.#keys.has(key))) return undefined;
    this.#taken++;
    if (key !== undefined) this.#keys.add(key);
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#taken--;
      if (key !== undefined) this.#keys.delete(key);
    };
  }
}

function refused(status: PprofRefusal["status"], error: string, hint?: string): PprofRefusal {
  return { kind: "refused", status, error, ...(hint !== undefined && { hint }) };
}

const gone = (target: string): PprofRefusal => refused(404, `${target} is no longer watched`);
const instant = (at: number): string => new Date(at).toISOString();
