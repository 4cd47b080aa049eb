import type { Clock } from "../../base/clock.ts";
import { errorMessage, StoreError } from "../../base/errors.ts";
import { epochMilliseconds, milliseconds, type EpochMilliseconds } from "../../base/units.ts";
import { buildManifest, traceFiles, type Identity, type Omission } from "../../capture/build.ts";
import type { CaptureFile } from "../../capture/manifest.ts";
import { planTrace, type Cut } from "../../capture/plan.ts";
import type { Explainer } from "../../observe/explainer.ts";
import type { Spool } from "../../store/spool/spool.ts";
import type { Firing } from "../../triggers/decision.ts";
import { addExplanation, toldBy } from "../captures.ts";
import type { MirrorEvent } from "../events.ts";
import { leftFolder } from "./layout.ts";
import { leftRings, readLeft, type LeftRing } from "./left.ts";

/** The rule that captures of a dead agent's rings are named by. */
export const RESTART_RULE = "agent-restarted";

export interface RecoverDeps {
  readonly spool: Spool;
  readonly spoolPath: string;
  readonly clock: Clock;
  readonly explainer: Explainer;
  readonly identity: () => Identity;
  readonly emit: (event: MirrorEvent) => void;
}

/**
 * Makes a capture of each ring that a dead agent left, one after the other, beside everything else. They take at most
 * what brings the spool to half its quota: what rules see from now on must find room.
 */
export async function recoverRings(deps: RecoverDeps, signal: AbortSignal): Promise<void> {
  const { spool, spoolPath } = deps;
  const { files } = spool;
  for (const id of await leftRings(files, spoolPath)) {
    if (signal.aborted) return;
    const folder = `${leftFolder(spoolPath)}/${id}`;
    let target = "";
    try {
      // An earlier start may have got as far as the capture, and no further.
      if (spool.get(id) === undefined) {
        const left = await readLeft(files, folder);
        target = left?.of.target.name ?? "";
        await recover(id, left, deps, signal);
      }
      await files.remove(folder);
    } catch (error) {
      // Either way the next start tries again.
      if (signal.aborted) return;
      deps.emit({ kind: "ring.left_dropped", target, reason: "failed", message: errorMessage(error) });
    }
  }
}

async function recover(
  id: string,
  left: LeftRing | undefined,
  deps: RecoverDeps,
  signal: AbortSignal,
): Promise<void> {
  if (left === undefined) return dropped(deps, "", "empty", "no whole generation was left");
  const { name } = left.of.target;
  const { bytes, maxBytes } = deps.spool.usage();
  if (bytes + left.bytes > maxBytes / 2) {
    const message = `a ring of ${left.bytes} bytes would fill more than half of the spool's ${maxBytes}`;
    return dropped(deps, name, "no_room", message);
  }
  const writer = await deps.spool.begin(id);
  try {
    const firing = firingOf(left, deps.clock.now());
    const { capture, at } = firing;
    const window = { moment: at, from: epochMilliseconds(at - capture.before), to: at };
    const plan = { ...planTrace(left.sessions, window), cut: cutOf(left) };
    const files: CaptureFile[] = [];
    const omitted: Omission[] = [];
    const traces = traceFiles(plan);
    const title = `${name}: ${firing.message}`;
    const explaining = traces[0] && deps.explainer.explain({ title, chunks: traces[0].chunks }, signal);
    for (const trace of traces) {
      files.push(await writer.addFile(trace.name, "application/vnd.golang.trace", trace.chunks));
    }
    const explanation = await explaining;
    signal.throwIfAborted();
    if (explanation !== undefined) await addExplanation(explanation, writer, files, omitted);
    const manifest = buildManifest({
      id,
      created: createdOf(id),
      target: left.of.target,
      goVersion: left.of.go_version,
      firings: [firing],
      window,
      plan,
      ...toldBy(explanation),
      files,
      omitted,
      identity: deps.identity(),
      privacy: left.of.privacy ?? [],
    });
    await writer.commit(manifest);
    const generations = left.sessions.reduce((sum, session) => sum + session.generations.length, 0);
    deps.emit({ kind: "ring.recovered", id, target: name, generations, bytes: left.bytes });
  } catch (error) {
    await writer.abort();
    if (error instanceof StoreError && ["spool_full", "spool_disk_full"].includes(error.code)) {
      return dropped(deps, name, "no_room", error.message);
    }
    throw error;
  }
}

/** All that is there, up to its end: nobody knows what moment of it matters. */
function firingOf(left: LeftRing, now: EpochMilliseconds): Firing {
  const generations = left.sessions.flatMap((session) => session.generations);
  const from = Math.min(...generations.map(({ wallStart }) => wallStart));
  const at = epochMilliseconds(Math.max(...generations.map(({ wallEnd }) => wallEnd)));
  const torn = left.damaged === 0 ? "" : `; ${left.damaged} more could not be read`;
  return {
    rule: RESTART_RULE,
    origin: "restart",
    severity: "info",
    target: left.of.target.name,
    at,
    decidedAt: now,
    message: `the agent died at about ${new Date(at).toISOString()}; this is what its ring held${torn}`,
    labels: {},
    annotations: {},
    capture: { before: milliseconds(at - from), after: milliseconds(0), profiles: [], also: [] },
  };
}

/** The files that were torn; of the generation that was open nothing was written. */
function cutOf({ damaged, damagedBytes }: LeftRing): Cut | undefined {
  return damaged === 0 ? undefined : { generations: damaged, bytes: damagedBytes };
}

/** An id begins with its time. The same id must give the same key, however often the capture is made. */
function createdOf(id: string): EpochMilliseconds {
  const [, year, month, day, hours, minutes, seconds, ms] =
    /^(\d{4})(\d\d)(\d\d)t(\d\d)(\d\d)(\d\d)(\d{3})-/.exec(id) ?? [];
  return epochMilliseconds(Date.parse(`${year}-${month}-${day}T${hours}:${minutes}:${seconds}.${ms}Z`));
}

function dropped({ emit }: RecoverDeps, target: string, reason: "empty" | "no_room", message: string): void {
  emit({ kind: "ring.left_dropped", target, reason, message });
}
