import { gunzipSync } from "node:zlib";
import { errorMessage } from "../base/errors.ts";
import { decodeProfile } from "../pprof/decode.ts";
import { parseExposition, type ExpositionParser, type MetricSample } from "../signals/exposition.ts";
import { expvarObservations } from "../signals/expvar.ts";
import { MetricSignals } from "../signals/metric-signals.ts";
import { profileObservations, SIGNAL_PROFILES, type SignalProfile } from "../signals/profile-signals.ts";
import type { Observation } from "../signals/signal.ts";
import type { PageAnswer, PageJob, TargetFacts } from "./protocol.ts";

/** A profile of a huge heap unpacks to tens of megabytes; a bomb to more. */
const MAX_UNPACKED = 64 * 1024 * 1024;

/** What a target's pages say, as observations. Keeps what two scrapes are compared by. */
export class PageReader {
  readonly #metrics = new Map<string, MetricSignals>();

  forget(target: string): void {
    this.#metrics.delete(target);
  }

  /** Never throws: a page that cannot be read is an answer too. */
  read(job: PageJob): PageAnswer {
    const { id } = job;
    try {
      return { kind: "page", id, ...this.#read(job) };
    } catch (error) {
      return { kind: "unreadable-page", id, message: errorMessage(error) };
    }
  }

  #read(job: PageJob): { observations: readonly Observation[]; facts: TargetFacts } {
    switch (job.what) {
      case "metrics": {
        const format = job.detail.includes("openmetrics") ? "openmetrics" : "text";
        const parsed = parseExposition(textOf(job.bytes), { format });
        if (parsed.samples.length === 0) throw new Error(`no sample in it${firstBadLine(parsed)}`);
        let signals = this.#metrics.get(job.target);
        if (signals === undefined) this.#metrics.set(job.target, (signals = new MetricSignals()));
        const { samples, types } = parsed;
        return { observations: signals.observe({ samples, types, at: job.at }), facts: factsOf(samples) };
      }
      case "vars": {
        const document: unknown = JSON.parse(textOf(job.bytes));
        return { observations: expvarObservations(document), facts: versionIn(document) };
      }
      default: {
        const profile = decodeProfile(gunzipSync(job.bytes, { maxOutputLength: MAX_UNPACKED }));
        const known = isSignalProfile(job.detail) ? profileObservations(job.detail, profile) : [];
        return { observations: known, facts: {} };
      }
    }
  }
}

const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
const isSignalProfile = (name: string): name is SignalProfile =>
  (SIGNAL_PROFILES as readonly string[]).includes(name);

function firstBadLine(parsed: ExpositionParser): string {
  const [bad] = parsed.badLines;
  return bad === undefined ? "" : `: line ${bad.line}: ${bad.message}`;
}

/** What Go's client library says of every process. */
function factsOf(samples: readonly MetricSample[]): TargetFacts {
  const value = (name: string): number | undefined => samples.find((sample) => sample.name === name)?.value;
  const cpuSeconds = value("process_cpu_seconds_total");
  const residentBytes = value("process_resident_memory_bytes");
  const startSeconds = value("process_start_time_seconds");
  const goVersion = samples.find(({ name }) => name === "go_info")?.labels["version"];
  return {
    ...(cpuSeconds !== undefined && { cpuSeconds }),
    ...(residentBytes !== undefined && { residentBytes }),
    ...(startSeconds !== undefined && { startSeconds }),
    ...(goVersion !== undefined && { goVersion: goVersion.slice(0, 64) }),
  };
}

/** Some services publish `runtime.Version()` in expvar, under one name or another. */
function versionIn(document: unknown): TargetFacts {
  if (typeof document !== "object" || document === null) return {};
  const found = Object.values(document).find(
    (value): value is string => typeof value === "string" && /^go1\.\d+/.test(value),
  );
  return found === undefined ? {} : { goVersion: found.slice(0, 64) };
}
