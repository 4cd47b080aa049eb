/**
 * Plan and firings → the capture's trace files and its manifest. Pure.
 */

import type { PrivacyPolicy } from "../base/privacy.ts";
import type { SummaryNumbers } from "../base/summary.ts";
import type { EpochMilliseconds } from "../base/units.ts";
import type { RecordedGeneration } from "../ring/recording.ts";
import type { Firing } from "../triggers/decision.ts";
import { TRACE_NAME, type CaptureFile, type CaptureReason, type Manifest } from "./manifest.ts";
import type { CaptureWindow, TracePart, TracePlan } from "./plan.ts";

/** Who took the capture. */
export interface Identity {
  readonly version: string;
  readonly host: string;
  readonly configHash: string;
}

export interface Omission {
  readonly name: string;
  readonly reason: string;
}

export interface CaptureFacts {
  readonly id: string;
  readonly created: EpochMilliseconds;
  readonly target: Manifest["target"];
  /** Where the service says it: `go1.26.8`. */
  readonly goVersion: string | undefined;
  readonly firings: readonly Firing[];
  readonly window: CaptureWindow;
  readonly plan: TracePlan;
  /** Whether the trace was read to its end without an error; undefined: not tried. */
  readonly parseable: boolean | undefined;
  /** What the trace says; undefined: it was not analysed. */
  readonly numbers: SummaryNumbers | undefined;
  readonly files: readonly CaptureFile[];
  readonly omitted: readonly Omission[];
  readonly identity: Identity;
  /** What was made anonymous; empty: nothing. */
  readonly privacy: PrivacyPolicy;
}

/**
 * The trace files of a plan: `trace.out`, then `trace-earlier-1.out` … for the sessions before it, newest first. Each is
 * a header and whole generations of one session, which every Go's `go tool trace` reads.
 */
export function traceFiles(
  plan: TracePlan,
): { readonly name: string; readonly chunks: readonly Uint8Array[] }[] {
  if (plan.main === undefined) return [];
  return [plan.main, ...plan.earlier].map((part, i) => ({
    name: i === 0 ? TRACE_NAME : `trace-earlier-${i}.out`,
    chunks: [part.session.header, ...part.generations.map((generation) => generation.bytes)],
  }));
}

export function buildManifest(facts: CaptureFacts): Manifest {
  const { plan, target, identity } = facts;
  const { main } = plan;
  return {
    version: 1,
    id: facts.id,
    created: instant(facts.created),
    target: { name: target.name, job: target.job, address: target.address, labels: target.labels },
    reasons: facts.firings.map(reasonOf),
    ...(main !== undefined && { window: describeWindow(main, facts), trace: describeTrace(main, facts) }),
    ...(facts.numbers !== undefined && { summary: facts.numbers }),
    ...(facts.goVersion !== undefined && { go_version: facts.goVersion }),
    ...(facts.privacy.length > 0 && { privacy: { anonymized: [...facts.privacy] } }),
    agent: { version: identity.version, host: identity.host, config_hash: identity.configHash },
    files: [...facts.files],
    omitted: [...facts.omitted],
  };
}

function reasonOf(firing: Firing): CaptureReason {
  return {
    rule: firing.rule,
    kind: firing.origin,
    severity: firing.severity,
    at: instant(firing.at),
    ...(firing.signal !== undefined && { signal: firing.signal }),
    ...(firing.seriesLabels !== undefined && { labels: { ...firing.seriesLabels } }),
    ...(!isEmpty(firing.labels) && { rule_labels: { ...firing.labels } }),
    ...(!isEmpty(firing.annotations) && { annotations: { ...firing.annotations } }),
    ...(firing.value !== undefined && { value: firing.value }),
    ...(firing.threshold !== undefined && { threshold: firing.threshold }),
    ...(firing.unit !== undefined && { unit: firing.unit }),
    message: firing.message,
  };
}

function describeWindow(main: TracePart, facts: CaptureFacts): NonNullable<Manifest["window"]> {
  const { first, last } = ends(main);
  const { window, plan } = facts;
  return {
    start: instant(first.wallStart),
    end: instant(last.wallEnd),
    start_ns: wholeNs(first.startNs),
    end_ns: wholeNs(last.endNs),
    clock: main.session.clock,
    before_s: (window.moment - window.from) / 1000,
    after_s: (window.to - window.moment) / 1000,
    complete: plan.missing === undefined,
    ...(plan.missing !== undefined && { missing: plan.missing }),
  };
}

function describeTrace(main: TracePart, { parseable, plan }: CaptureFacts): NonNullable<Manifest["trace"]> {
  const { first, last } = ends(main);
  const { header, format, id } = main.session;
  return {
    format,
    session: id,
    first_generation: first.number,
    last_generation: last.number,
    generations: main.generations.length,
    bytes: main.generations.reduce((sum, generation) => sum + generation.byteLength, header.length),
    ...(parseable !== undefined && { parseable }),
    ...(plan.cut !== undefined && { cut: plan.cut }),
  };
}

function ends(part: TracePart): { first: RecordedGeneration; last: RecordedGeneration } {
  const first = part.generations[0];
  const last = part.generations.at(-1);
  if (first === undefined || last === undefined)
    throw new RangeError("a trace part has at least one generation");
  return { first, last };
}

const isEmpty = (labels: Readonly<Record<string, string>>): boolean => Object.keys(labels).length === 0;
const instant = (at: EpochMilliseconds): string => new Date(at).toISOString();
const wholeNs = (ns: number): string => BigInt(Math.trunc(ns)).toString();
