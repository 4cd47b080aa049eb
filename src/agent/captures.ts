import type { Dispatcher } from "undici";
import type { Clock } from "../base/clock.ts";
import { errorMessage, GorewindError, ScrapeError, StoreError } from "../base/errors.ts";
import type { PrivacyPolicy } from "../base/privacy.ts";
import { epochMilliseconds, milliseconds, type Milliseconds } from "../base/units.ts";
import {
  buildManifest,
  traceFiles,
  type CaptureFacts,
  type Identity,
  type Omission,
} from "../capture/build.ts";
import type { CaptureEvent, Measurement } from "../capture/events.ts";
import { REPORT_NAME, SUMMARY_NAME, type CaptureFile } from "../capture/manifest.ts";
import { planTrace, type CaptureWindow } from "../capture/plan.ts";
import { protectFirings } from "../capture/privacy.ts";
import type { Explainer } from "../observe/explainer.ts";
import type { Explanation } from "../observe/explain.ts";
import type { Protector } from "../observe/protector.ts";
import type { TraceSource } from "../recorder/source.ts";
import type { ProfileOptions } from "../scraper/options.ts";
import { fetchProfile } from "../scraper/profile.ts";
import type { Target } from "../scraper/target.ts";
import type { PeriodicReads } from "./periodic/reads.ts";
import { captureId } from "../store/id.ts";
import type { Spool } from "../store/spool/spool.ts";
import type { CaptureWriter } from "../store/spool/writer.ts";
import type { Firing } from "../triggers/decision.ts";
import type { ProfileRequest } from "../triggers/rule.ts";

/** What a capture needs of a watched target. */
export interface Watched {
  readonly target: Target;
  /** The HTTP client of this target alone. */
  readonly dispatcher: Dispatcher;
  readonly recorder: TraceSource;
  readonly reads: Pick<PeriodicReads, "facts">;
  readonly profiles: ProfileOptions;
  readonly privacy: PrivacyPolicy;
}

export interface CaptureDependencies {
  readonly spool: Spool;
  readonly clock: Clock;
  readonly random: () => number;
  readonly emit: (event: CaptureEvent) => void;
  readonly watched: (target: string) => Watched | undefined;
  readonly identity: () => Identity;
  /** Captures in progress at once, over all targets; one more is refused and counted. */
  readonly maxConcurrent: number;
  /** Makes anonymous what a target's policy names. */
  readonly protector: Protector;
  readonly explainer: Explainer;
}

/** A capture between its firing and its snapshot. */
interface Pending {
  readonly id: string;
  readonly watched: Watched;
  readonly firings: Firing[];
  window: CaptureWindow;
  /** False once the ring is frozen: later firings begin a capture of their own. */
  open: boolean;
  readonly profiles: Map<string, Promise<ProfileOutcome>>;
}

/** What a capture is made of. */
interface Gathered {
  readonly files: CaptureFile[];
  readonly omitted: Omission[];
  readonly plan: ReturnType<typeof planTrace>;
  readonly explanation: Explanation | undefined;
}

type ProfileOutcome = { readonly file: CaptureFile } | { readonly omitted: Omission };

/** Overlapping firings can stretch one capture to this much after its first moment, no further. */
const MAX_STRETCH_MS = 60_000;
/** A last breath is there within five seconds of the death, on a busy machine too, if need be without its report. */
const LAST_BREATH_EXPLAIN_MS = 2000;
/** The open generation ends about a second after the moment it holds, later on an idle Go 1.24 and older. */
const TAIL_PATIENCE_MS = 5000;

/** Turns firings into captures in the spool. One at a time per target: overlapping firings join the one in progress. */
export class CaptureCoordinator {
  readonly #deps: CaptureDependencies;
  readonly #pending = new Map<string, Pending>();
  readonly #running = new Set<Promise<void>>();
  readonly #abort = new AbortController();

  constructor(deps: CaptureDependencies) {
    this.#deps = deps;
  }

  /** How many captures are in progress. */
  get active(): number {
    return this.#running.size;
  }

  /** Begins a capture, or joins the one in progress. Returns its id, or undefined when it was refused. */
  fire(firing: Firing): string | undefined {
    const watched = this.#deps.watched(firing.target);
    if (watched === undefined) return this.#refuse(firing, `${firing.target} is not watched`);
    const window = windowOf(firing);
    const pending = this.#pending.get(firing.target);
    if (pending?.open === true && overlaps(pending.window, window))
      return this.#join(pending, firing, window);
    // What a person asks for is not turned away because rules fire: it has as much room again.
    const most = this.#deps.maxConcurrent * (firing.origin === "rule" ? 1 : 2);
    if (this.#running.size >= most) {
      return this.#refuse(
        firing,
        `${this.#running.size} captures are in progress, which is the most at once`,
      );
    }
    const id = captureId(this.#deps.clock.now(), this.#deps.random);
    const fresh: Pending = { id, watched, firings: [firing], window, open: true, profiles: new Map() };
    this.#pending.set(firing.target, fresh);
    this.#deps.emit({
      kind: "capture.started",
      id,
      target: firing.target,
      rule: firing.rule,
      message: firing.message,
    });
    const running = this.#capture(fresh).finally(() => this.#running.delete(running));
    this.#running.add(running);
    return id;
  }

  /** Waits until no capture is in progress, or until `limit`; then gives up what is left. */
  async drain(limit: Milliseconds): Promise<void> {
    const timer = new AbortController();
    await Promise.race([
      Promise.all(this.#running),
      this.#deps.clock.sleep(limit, timer.signal).catch(() => undefined),
    ]);
    timer.abort();
    this.#abort.abort(
      new StoreError("shutdown", "the agent stopped before the capture was complete", { retryable: false }),
    );
    await Promise.all(this.#running);
  }

  #refuse(firing: Firing, message: string): undefined {
    this.#deps.emit({ kind: "capture.refused", target: firing.target, rule: firing.rule, message });
  }

  #join(pending: Pending, firing: Firing, window: CaptureWindow): string {
    pending.firings.push(firing);
    const first = pending.window;
    pending.window = {
      moment: first.moment,
      from: epochMilliseconds(Math.min(first.from, window.from)),
      to: epochMilliseconds(Math.min(Math.max(first.to, window.to), first.moment + MAX_STRETCH_MS)),
    };
    const { id } = pending;
    this.#deps.emit({
      kind: "capture.merged",
      id,
      target: firing.target,
      rule: firing.rule,
      message: firing.message,
    });
    return id;
  }

  async #capture(pending: Pending): Promise<void> {
    const began = this.#deps.clock.monotonic();
    const { id, watched } = pending;
    const rule = pending.firings[0]?.rule ?? "manual";
    let writer: CaptureWriter | undefined;
    try {
      writer = await this.#deps.spool.begin(id);
      const { files, omitted, plan, explanation } = await this.#gather(pending, writer);
      if (files.length === 0) {
        throw new StoreError("nothing_captured", omitted.map((o) => `${o.name}: ${o.reason}`).join("; "), {
          retryable: false,
        });
      }
      const manifest = buildManifest({
        id,
        created: this.#deps.clock.now(),
        target: watched.target,
        goVersion: watched.reads.facts.goVersion,
        firings: this.#sayable(pending),
        window: pending.window,
        plan,
        ...toldBy(explanation),
        files,
        omitted,
        identity: this.#deps.identity(),
        privacy: watched.privacy,
      });
      await writer.commit(manifest);
      this.#deps.emit({
        kind: "capture.completed",
        id,
        target: watched.target.name,
        rules: [...new Set(pending.firings.map((firing) => firing.rule))],
        measured: pending.firings.flatMap(measurementOf),
        bytes: files.reduce((sum, file) => sum + file.bytes, 0),
        generations: manifest.trace?.generations ?? 0,
        omitted: omitted.map(({ name }) => name),
        took: milliseconds(this.#deps.clock.monotonic() - began),
      });
    } catch (error) {
      await writer?.abort();
      const known = error instanceof GorewindError ? error : undefined;
      this.#deps.emit({
        kind: "capture.failed",
        id,
        target: watched.target.name,
        rule,
        code: known?.code ?? "unexpected",
        message: errorMessage(error),
        ...(known?.hint !== undefined && { hint: known.hint }),
      });
    } finally {
      pending.open = false;
      if (this.#pending.get(watched.target.name) === pending) this.#pending.delete(watched.target.name);
    }
  }

  /** Profiles begin at once, the trace when the tail is in; all that comes is written as it comes. */
  async #gather(pending: Pending, writer: CaptureWriter): Promise<Gathered> {
    const signal = this.#abort.signal;
    this.#startProfiles(pending, writer, signal);
    let seen: number;
    do {
      seen = pending.window.to;
      const patience = Math.max(0, seen - this.#deps.clock.now()) + TAIL_PATIENCE_MS;
      await pending.watched.recorder.reaches(pending.window.to, milliseconds(patience), signal);
    } while (pending.window.to > seen);
    const plan = planTrace(pending.watched.recorder.sessions(), pending.window);
    pending.open = false;
    this.#startProfiles(pending, writer, signal);
    const files: CaptureFile[] = [];
    const omitted: Omission[] = [];
    const traces = await this.#protectTraces(pending.watched, traceFiles(plan), omitted);
    // Beside the profiles, which take longer.
    const explaining = traces[0] && this.#explain(pending, traces[0].chunks);
    for (const trace of traces) {
      files.push(await writer.addFile(trace.name, "application/vnd.golang.trace", trace.chunks));
    }
    if (plan.main === undefined) {
      omitted.push({
        name: "trace.out",
        reason: `${plan.missing}: ${pending.watched.recorder.state.reason}`,
      });
    }
    for (const outcome of await Promise.all(pending.profiles.values())) {
      if ("file" in outcome) files.push(outcome.file);
      else omitted.push(outcome.omitted);
    }
    const explanation = await explaining;
    if (explanation !== undefined) await addExplanation(explanation, writer, files, omitted);
    return { files, omitted, plan, explanation };
  }

  /** The firings as they may be written. */
  #sayable({ firings, watched }: Pending): readonly Firing[] {
    return protectFirings(firings, watched.privacy, this.#deps.protector.rename);
  }

  /** The traces as they may be written; one that cannot be made anonymous is left out. */
  async #protectTraces(
    { privacy }: Watched,
    traces: ReturnType<typeof traceFiles>,
    omitted: Omission[],
  ): Promise<ReturnType<typeof traceFiles>> {
    if (privacy.length === 0) return traces;
    const protectedTraces: ReturnType<typeof traceFiles> = [];
    for (const { name, chunks } of traces) {
      try {
        const bytes = await this.#deps.protector.protect("trace", chunks, privacy);
        protectedTraces.push({ name, chunks: [bytes] });
      } catch (error) {
        omitted.push({ name, reason: errorMessage(error) });
      }
    }
    return protectedTraces;
  }

  #explain(pending: Pending, chunks: readonly Uint8Array[]): Promise<Explanation> {
    const { watched, firings } = pending;
    const reason = this.#sayable(pending)[0]?.message;
    const title = reason === undefined ? watched.target.name : `${watched.target.name}: ${reason}`;
    const isCrash = firings.some(({ signal }) => signal === "stream_lost");
    const limit = isCrash ? LAST_BREATH_EXPLAIN_MS : undefined;
    return this.#deps.explainer.explain({ title, chunks }, this.#abort.signal, limit);
  }

  /** Starts those of the firings' profiles that were not started yet. */
  #startProfiles(pending: Pending, writer: CaptureWriter, signal: AbortSignal): void {
    for (const firing of pending.firings) {
      for (const profile of firing.capture.profiles) {
        if (pending.profiles.has(profile.name)) continue;
        pending.profiles.set(profile.name, this.#profile(pending.watched, profile, writer, signal));
      }
    }
  }

  async #profile(
    watched: Watched,
    profile: ProfileRequest,
    writer: CaptureWriter,
    signal: AbortSignal,
  ): Promise<ProfileOutcome> {
    const name = `${fileNameOf(profile.name)}.pb.gz`;
    try {
      const chunks = await fetchProfile(
        watched.dispatcher,
        watched.target,
        watched.profiles,
        {
          endpoint: profile.name === "cpu" ? "profile" : profile.name,
          ...(profile.duration !== undefined && { seconds: profile.duration }),
        },
        signal,
      );
      const { privacy } = watched;
      const sayable =
        privacy.length === 0 ? chunks : [await this.#deps.protector.protect("profile", chunks, privacy)];
      return { file: await writer.addFile(name, "application/vnd.google.protobuf+gzip", sayable) };
    } catch (error) {
      // Of what the service answered the message may quote some.
      const quotes = watched.privacy.length > 0 && error instanceof ScrapeError;
      return { omitted: { name, reason: quotes ? error.code : errorMessage(error) } };
    }
  }
}

/** What the manifest tells of it. */
export function toldBy(explanation: Explanation | undefined): Pick<CaptureFacts, "parseable" | "numbers"> {
  return {
    parseable: explanation?.parseable,
    numbers: explanation?.kind === "explained" ? explanation.numbers : undefined,
  };
}

/** Adds what the trace says; a capture is whole without it. */
export async function addExplanation(
  explanation: Explanation,
  writer: CaptureWriter,
  files: CaptureFile[],
  omitted: Omission[],
): Promise<void> {
  if (explanation.kind === "unexplained") {
    for (const name of [SUMMARY_NAME, REPORT_NAME]) omitted.push({ name, reason: explanation.reason });
    return;
  }
  const made = [
    [SUMMARY_NAME, "application/json", explanation.summary],
    [REPORT_NAME, "text/html; charset=utf-8", explanation.report],
  ] as const;
  for (const [name, type, bytes] of made) {
    try {
      files.push(await writer.addFile(name, type, [bytes]));
    } catch (error) {
      omitted.push({ name, reason: errorMessage(error) });
    }
  }
}

/** A service's own profile is called by an import path as a rule. */
const fileNameOf = (profile: string): string => profile.replace(/^[.-]|[^A-Za-z0-9._-]/g, "_");

/** What was measured on the captured target itself. */
function measurementOf(firing: Firing): Measurement[] {
  const { signal, seriesLabels: labels = {}, value, at, isMeasurement = false, neighbourOf } = firing;
  if (!isMeasurement || signal === undefined || value === undefined || neighbourOf !== undefined) return [];
  return [{ signal, labels, value, at }];
}

function windowOf(firing: Firing): CaptureWindow {
  return {
    moment: firing.at,
    from: epochMilliseconds(firing.at - firing.capture.before),
    to: epochMilliseconds(firing.at + firing.capture.after),
  };
}

function overlaps(a: CaptureWindow, b: CaptureWindow): boolean {
  return a.from <= b.to && b.from <= a.to;
}
