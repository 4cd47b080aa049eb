/** What was kept of a service beside its trace, as the agent would have seen it: expositions, expvars, profiles, schedtrace. */

import { basename } from "node:path";
import { gunzipSync } from "node:zlib";
import { GorewindError } from "../base/errors.ts";
import { decodeProfile } from "../pprof/decode.ts";
import type { Profile } from "../pprof/profile.ts";
import { parseExposition, type MetricSample } from "../signals/exposition.ts";
import { expvarObservations } from "../signals/expvar.ts";
import type { MetricSignals } from "../signals/metric-signals.ts";
import { profileObservations, SIGNAL_PROFILES, type SignalProfile } from "../signals/profile-signals.ts";
import { schedtraceObservations } from "../signals/schedtrace.ts";
import type { Observation, SignalSource } from "../signals/signal.ts";

/** What one source said at one moment. */
export interface Reading {
  readonly source: SignalSource;
  /** Epoch ms. */
  readonly at: number;
  /** Ms to the reading before. */
  readonly interval: number;
  readonly observations: readonly Observation[];
}

/** As Prometheus scrapes, where a file has one scrape only. */
const SCRAPE_MS = 15_000;
/** A dump of hours has as many. */
const MAX_SAMPLES = 5_000_000;
const MAX_UNPACKED = 256 * 1024 * 1024;

export class UnreadableRecording extends GorewindError {
  constructor(message: string) {
    super("recording", message, {
      hint: "Expected: a Go trace, a capture's folder, a pprof profile, Prometheus text or OpenMetrics, /debug/vars, or schedtrace lines.",
    });
  }
}

/**
 * A file by what is in it.
 *
 * @param writtenAt when it was written: the moment of what does not tell its own.
 * @param metrics of the target; keeps what two scrapes are compared by.
 * @throws {UnreadableRecording} it is nothing that is known.
 */
export function readPages(
  path: string,
  bytes: Uint8Array,
  writtenAt: number,
  metrics: MetricSignals,
): readonly Reading[] {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return [readProfile(path, bytes, writtenAt)];
  const text = new TextDecoder().decode(bytes);
  if (text.trimStart().startsWith("{")) {
    const observations = expvarObservations(JSON.parse(text) as unknown);
    return [{ source: "metrics", at: writtenAt, interval: SCRAPE_MS, observations }];
  }
  const lines = readSchedtrace(text, writtenAt);
  return lines.length > 0 ? lines : readExposition(path, text, writtenAt, metrics);
}

/** A pprof profile; which one is told by its name, `mutex.pb.gz`, else by what it counts. */
function readProfile(path: string, bytes: Uint8Array, writtenAt: number): Reading {
  const profile = decodeProfile(gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED }));
  const kind = kindOf(basename(path), profile);
  const at = profile.timeNanos === undefined ? writtenAt : Number(profile.timeNanos / 1_000_000n);
  const interval = (profile.durationNanos ?? 0) / 1e6;
  const observations = kind === undefined ? [] : profileObservations(kind, profile);
  return { source: "profile", at: at + interval, interval, observations };
}

function kindOf(name: string, { sampleTypes }: Profile): SignalProfile | undefined {
  const types = sampleTypes.map(({ type }) => type);
  const counts: readonly (readonly [string, SignalProfile])[] = [
    ["goroutine", "goroutine"],
    ["inuse_space", "heap"],
    ["threadcreate", "threadcreate"],
    ["delay", "mutex"],
  ];
  // A heap's `allocs` has the same types, and block those of mutex.
  return (
    SIGNAL_PROFILES.find((each) => name.includes(each)) ?? counts.find(([type]) => types.includes(type))?.[1]
  );
}

/** `SCHED 1009ms: …`: the last line was written when the file was, each other so much before. */
function readSchedtrace(text: string, writtenAt: number): readonly Reading[] {
  const found = text.split("\n").flatMap((line) => {
    const ms = /SCHED (\d+)ms: /.exec(line)?.[1];
    const observations = ms === undefined ? [] : schedtraceObservations(line);
    return observations.length === 0 ? [] : [{ ms: Number(ms), observations }];
  });
  const last = found.at(-1)?.ms ?? 0;
  return found.map(({ ms, observations }, i) => ({
    source: "schedtrace",
    at: writtenAt - (last - ms),
    interval: ms - (found[i - 1]?.ms ?? 0),
    observations,
  }));
}

/** One scrape; or many, where samples have times, as `promtool tsdb dump-openmetrics` writes them. */
function readExposition(
  path: string,
  text: string,
  writtenAt: number,
  metrics: MetricSignals,
): readonly Reading[] {
  const format = /^# EOF\s*$/m.test(text) ? "openmetrics" : "text";
  const { samples, types, badLines } = parseExposition(text, { format, maxSamples: MAX_SAMPLES });
  if (samples.length === 0) {
    const [bad] = badLines;
    const why = bad === undefined ? "" : `: as metrics, line ${bad.line}: ${bad.message}`;
    throw new UnreadableRecording(
      `${path} is no Go execution trace, and nothing else that can be replayed${why}`,
    );
  }
  const byTime = new Map<number, MetricSample[]>();
  for (const sample of samples) {
    const at = sample.timestamp ?? writtenAt;
    const known = byTime.get(at);
    if (known === undefined) byTime.set(at, [sample]);
    else known.push(sample);
  }
  let before: number | undefined;
  return [...byTime]
    .sort(([a], [b]) => a - b)
    .map(([at, scraped]) => {
      const interval = before === undefined ? SCRAPE_MS : at - before;
      before = at;
      return {
        source: "metrics",
        at,
        interval,
        observations: metrics.observe({ samples: scraped, types, at }),
      };
    });
}
