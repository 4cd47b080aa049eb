import { milliseconds } from "../base/units.ts";
import type { AgentApi, ManualCapture, TargetStatus } from "../http/api.ts";
import type { PprofApi } from "../http/pprof.ts";
import type { Telemetry } from "../telemetry/telemetry.ts";
import { MANUAL_CAPTURE } from "../triggers/engine.ts";
import type { CaptureRequest } from "../triggers/rule.ts";
import type { Shelf } from "./shelf.ts";
import type { TargetSet, WatchedTarget } from "./targets.ts";

export interface ApiParts {
  readonly telemetry: Telemetry;
  readonly targets: TargetSet;
  readonly shelf: Shelf;
  readonly reload: () => Promise<void>;
  readonly trigger: (target: string, reason: string, capture: CaptureRequest) => string | undefined;
  readonly triggers: AgentApi["triggers"];
  readonly alert: AgentApi["alert"];
  readonly pprof: PprofApi;
}

/** The running agent as its HTTP interface sees it. */
export function createAgentApi(parts: ApiParts): AgentApi {
  const { telemetry, targets, shelf } = parts;
  return {
    metrics: (accept) => telemetry.exposition(accept),
    unready: () => {
      const traced = targets.all().filter(({ recorder }) => recorder.state.mode !== "off");
      const silent = traced.filter(({ recorder }) => recorder.sessions().length === 0);
      const all = traced.length;
      return all > 0 && silent.length === all ? `none of ${all} targets has been recorded yet` : undefined;
    },
    reload: parts.reload,
    targets: () => targets.all().map(statusOf),
    captures: (limit, signal) => shelf.list(limit, signal),
    capture: (id, signal) => shelf.find(id, signal),
    download: (id, file, signal) => shelf.download(id, file, signal),
    links: (id, seconds, signal) => shelf.links(id, seconds, signal),
    trigger: (target, request) => parts.trigger(target, request.reason, captureOf(request)),
    triggers: parts.triggers,
    alert: parts.alert,
    resolveTarget: (name) => resolveTarget(targets, name),
    pprof: parts.pprof,
    yield: async (name, duration, reason) => {
      await targets.get(name)?.recorder.hold({ kind: "yielded", duration, reason });
      return yielding(targets.get(name));
    },
    takeBack: (name) => targets.get(name)?.recorder.resume(),
  };
}

function captureOf(request: ManualCapture): CaptureRequest {
  const { before, after, cpu } = request;
  return {
    ...MANUAL_CAPTURE,
    ...(before !== undefined && { before: milliseconds(before) }),
    ...(after !== undefined && { after: milliseconds(after) }),
    ...(cpu !== undefined && {
      profiles: [...MANUAL_CAPTURE.profiles, { name: "cpu", duration: milliseconds(cpu) }],
    }),
  };
}

/** The one target `name` means: its name, or its job or address where that is unique. */
export function resolveTarget(targets: TargetSet, name: string): string | undefined {
  if (targets.get(name) !== undefined) return name;
  const meant = targets.all().filter(({ target }) => target.job === name || target.address === name);
  return meant.length === 1 ? meant[0]?.target.name : undefined;
}

function yielding(watched: WatchedTarget | undefined): string | undefined {
  const state = watched?.recorder.state;
  return state?.kind === "yielded" && state.until !== undefined ? instant(state.until) : undefined;
}

const instant = (at: number): string => new Date(at).toISOString();

function statusOf({ target, recorder }: WatchedTarget): TargetStatus {
  const { state } = recorder;
  const sessions = recorder.sessions();
  const generations = sessions.flatMap((session) => session.generations);
  const spans = sessions.map(
    (session) => (session.generations.at(-1)?.endNs ?? 0) - (session.generations[0]?.startNs ?? 0),
  );
  return {
    name: target.name,
    job: target.job,
    address: target.address,
    labels: target.labels,
    state: state.kind,
    since: instant(state.since),
    ...(state.until !== undefined && { until: instant(state.until) }),
    reason: state.reason,
    mode: state.mode,
    ...(state.format !== undefined && { trace_format: state.format }),
    ring: {
      generations: generations.length,
      bytes: generations.reduce((sum, generation) => sum + generation.byteLength, 0),
      span_seconds: spans.reduce((sum, span) => sum + span, 0) / 1e9,
    },
  };
}
