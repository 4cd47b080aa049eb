/**
 * Events → log lines. Levels by what the operator must do: error, data was lost or a person is needed; warn, it went
 * wrong and recovers by itself; info, a state changed; debug, everything else.
 */

import { pino, type DestinationStream, type Logger } from "pino";
import { assertNever, errorMessage } from "../base/errors.ts";
import type { AgentEvent } from "../events.ts";
import type { LogOptions } from "./options.ts";

type Level = "debug" | "info" | "warn" | "error";
interface Line {
  readonly level: Level;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
  /** Lines with the same key in a row, and no `clears` between, are written once at their level, then at debug. */
  readonly once?: string;
  /** The key of the `once` lines whose state this ends. */
  readonly clears?: string;
}

/** Writes JSON lines to `destination` (standard output when absent). */
export class EventLog {
  readonly #logger: Logger;
  readonly #said = new Map<string, string>();

  constructor(options: LogOptions, destination?: DestinationStream) {
    const settings = {
      level: options.level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (level: string) => ({ level }) },
    };
    this.#logger = destination === undefined ? pino(settings) : pino(settings, destination);
  }

  set level(level: LogOptions["level"]) {
    this.#logger.level = level;
  }

  /** Forgets what was said of a target that is no longer watched. */
  forget(target: string): void {
    for (const state of this.#said.keys()) if (state.endsWith(` ${target}`)) this.#said.delete(state);
  }

  write(event: AgentEvent): void {
    const line = describe(event);
    if (line.clears !== undefined) this.#said.delete(line.clears);
    let { level } = line;
    if (line.once !== undefined) {
      const [state = "", detail = ""] = line.once.split("\0");
      if (this.#said.get(state) === detail) level = "debug";
      else this.#said.set(state, detail);
    }
    this.#logger[level]({ event: event.kind, ...line.fields }, line.message);
  }
}

const once = (state: string, detail: string): string => `${state}\0${detail}`;
const streamState = (target: string): string => `stream ${target}`;

function describe(event: AgentEvent): Line {
  const { kind: _kind, ...fields } = event;
  switch (event.kind) {
    case "stream.opened":
      return { level: "debug", message: `the trace stream of ${event.target} is open`, fields };
    case "stream.recognised":
      return event.streamable
        ? {
            level: "info",
            message: `recording ${event.target}: trace format Go ${event.format}`,
            fields,
            once: once(streamState(event.target), `up ${event.format}`),
          }
        : {
            level: "warn",
            message: `${event.target} writes the trace format of Go ${event.format}, which cannot be cut while it is written: it is polled in windows, with gaps. Go 1.22 or newer is recorded without gaps.`,
            fields,
            once: once(streamState(event.target), `poll ${event.format}`),
          };
    case "stream.refused":
      return {
        level: "warn",
        message: errorMessage(event.error),
        fields: {
          target: event.target,
          code: event.error.code,
          hint: event.error.hint,
          retry_in_ms: Math.round(event.retryIn),
        },
        once: once(streamState(event.target), event.error.code),
      };
    case "stream.ended":
      return event.how === "finished"
        ? { level: "debug", message: `the trace stream of ${event.target} ended as asked`, fields }
        : {
            level: "warn",
            message: `the trace stream of ${event.target} was ${event.how}: ${event.message}; what was recorded is kept`,
            fields,
            once: once(streamState(event.target), event.how),
          };
    case "stream.held":
      return {
        level: event.how === "paused" ? "warn" : "info",
        message: `the tracer of ${event.target} is let go for ${event.duration / 1000} s: ${event.reason}`,
        fields,
        clears: streamState(event.target),
      };
    case "snapshot.taken":
      return {
        level: event.mode === "file" ? "info" : "debug",
        message: `took ${event.name} of ${event.target}`,
        fields,
      };
    case "snapshot.rejected":
      return { level: "warn", message: `${event.name} of ${event.target}: ${event.message}`, fields };
    case "stream.resumed":
      return { level: "info", message: `${event.target} is recorded again`, fields };
    case "generation.sealed":
      return {
        level: "debug",
        message: `generation ${event.generation} of ${event.target} is whole`,
        fields,
      };
    case "ring.mirror_skipped":
    case "ring.mirror_failed":
    case "ring.recovered":
    case "ring.left_dropped":
      return describeRing(event, fields);
    default:
      return describeOther(event, fields);
  }
}

function describeRing(
  event: Extract<AgentEvent, { kind: `ring.${string}` }>,
  fields: Readonly<Record<string, unknown>>,
): Line {
  switch (event.kind) {
    case "ring.mirror_skipped":
      return {
        level: "warn",
        message: `${event.generations} generations of ${event.target} are not mirrored to the disk: ${event.reason}`,
        fields,
        once: once(`mirror ${event.target}`, event.reason),
      };
    case "ring.mirror_failed":
      return {
        level: "warn",
        message: `the ring of ${event.target} cannot be mirrored: ${event.message}`,
        fields,
      };
    case "ring.recovered":
      return {
        level: "info",
        message: `what an agent that died held of ${event.target} is a capture now`,
        fields,
      };
    case "ring.left_dropped":
      return {
        level: event.reason === "failed" ? "error" : "warn",
        message: `what an agent that died held of ${event.target} is no capture: ${event.message}`,
        fields,
      };
    default:
      return assertNever(event);
  }
}

function describeOther(
  event: Exclude<
    AgentEvent,
    { kind: `stream.${string}` | `snapshot.${string}` | `ring.${string}` | "generation.sealed" }
  >,
  fields: Readonly<Record<string, unknown>>,
): Line {
  switch (event.kind) {
    case "generation.analysed":
      return {
        level: "debug",
        message: `generation ${event.generation} of ${event.target} was read`,
        fields,
      };
    case "generation.skipped":
      return {
        level: "warn",
        message: `analysis of ${event.target} is behind: generation ${event.generation} was skipped (it stays in the ring)`,
        fields,
        once: once(`analysis ${event.target}`, "skipped"),
      };
    case "generation.unreadable":
      return {
        level: "warn",
        message: `generation ${event.generation} of ${event.target} cannot be read: ${event.message}`,
        fields,
        once: once(`analysis ${event.target}`, event.code),
      };
    case "analyser.restarted":
      return {
        level: "error",
        message: `the analysis thread died and was started again: ${event.message}`,
        fields,
      };
    case "trigger.fired":
      return { level: "info", message: event.message, fields };
    case "trigger.suppressed":
      return { level: "debug", message: event.message, fields };
    case "capture.started":
      return { level: "info", message: `capturing ${event.target}: ${event.message}`, fields };
    case "capture.merged":
      return { level: "info", message: `joined the capture of ${event.target}: ${event.message}`, fields };
    case "capture.completed":
      return {
        level: event.omitted.length === 0 ? "info" : "warn",
        message:
          event.omitted.length === 0
            ? `captured ${event.target}`
            : `captured ${event.target} without ${event.omitted.join(", ")}`,
        fields,
      };
    case "capture.failed":
      return { level: "error", message: `the capture of ${event.target} failed: ${event.message}`, fields };
    case "capture.refused":
      return { level: "warn", message: event.message, fields };
    case "promql.failed":
      return {
        level: "warn",
        message: `the query ${event.query} was not answered and is asked again: ${event.message}`,
        fields,
        once: once(`promql ${event.query}`, event.message),
      };
    case "notification.sent":
      return { level: "debug", message: `told ${event.to} of ${event.id}`, fields };
    case "notification.failed":
      return {
        level: "warn",
        message: `could not tell ${event.to} of ${event.id}: ${event.message}`,
        fields,
      };
    case "config.loaded":
      return { level: "info", message: `configuration ${event.file} is in use`, fields };
    case "config.rejected":
      return {
        level: "error",
        message: `configuration ${event.file} cannot be used; the one before goes on`,
        fields: { file: event.file, problems: event.problems },
      };
    case "discovery.updated":
    case "discovery.failed":
    case "discovery.resolved":
    case "discovery.ended":
      return describeDiscovery(event, fields);
    case "agent.started":
      return { level: "info", message: `gorewind ${event.version} serves ${event.address}`, fields };
    case "agent.stopping":
      return { level: "info", message: `stopping: ${event.reason}`, fields };
    case "agent.stopped":
      return { level: "info", message: "stopped", fields };
    case "overhead.estimated":
      return {
        level: "debug",
        message: `recording ${event.target} costs it an estimated ${(event.estimated * 100).toPrecision(2)}% of its CPU`,
        fields,
      };
    case "scrape.completed":
      return {
        level: "debug",
        message: `read ${scrapeName(event)} of ${event.target}`,
        fields,
        clears: `scrape ${event.target} ${event.what} ${event.name}`,
      };
    case "scrape.failed":
      return {
        level: "warn",
        message: `cannot read ${scrapeName(event)} of ${event.target}: ${event.message}`,
        fields,
        once: once(`scrape ${event.target} ${event.what} ${event.name}`, event.code),
      };
    case "follower.dropped":
      return {
        level: "warn",
        message: `a reader of the trace of ${event.target} was cut off: ${event.message}`,
        fields,
      };
    case "agent.problem":
      return { level: "error", message: event.message, fields };
    default:
      return describeStore(event, fields);
  }
}

function describeDiscovery(
  event: Extract<AgentEvent, { kind: `discovery.${string}` }>,
  fields: Readonly<Record<string, unknown>>,
): Line {
  const state =
    "mechanism" in event ? `discovery ${event.job} ${event.mechanism}` : `targets of ${event.job}`;
  switch (event.kind) {
    case "discovery.updated":
      return {
        level: "debug",
        message: `${event.mechanism} discovery of ${event.job} found ${event.addresses} addresses`,
        fields,
        clears: state,
      };
    case "discovery.failed":
      return {
        level: "warn",
        message: `${event.message}; the targets of ${event.job} that were known go on`,
        fields,
        once: once(state, event.code),
      };
    case "discovery.resolved": {
      const refused = Object.values(event.refused).reduce((sum, n) => sum + n, 0);
      return {
        level: refused === 0 ? "info" : "warn",
        message: `${event.job} has ${event.active} targets; ${event.dropped} dropped by relabeling, ${refused} refused${event.example === undefined ? "" : `, such as ${event.example}`}`,
        fields,
      };
    }
    case "discovery.ended":
      return { level: "debug", message: `${event.job} discovers no targets any more`, fields };
    default:
      return assertNever(event);
  }
}

function scrapeName({ what, name }: { readonly what: string; readonly name: string }): string {
  return name === "" ? `the ${what}` : `the ${what} ${name}`;
}

type StoreEvents = Extract<
  AgentEvent,
  {
    kind:
      | `upload.${string}`
      | `spool.${string}`
      | `index.${string}`
      | `retention.${string}`
      | `metrics.${string}`
      | "capture.accepted";
  }
>;

function describeStore(event: StoreEvents, fields: Readonly<Record<string, unknown>>): Line {
  switch (event.kind) {
    case "capture.accepted":
      return { level: "info", message: `capture ${event.id} is safe on disk`, fields };
    case "upload.started":
      return { level: "debug", message: `uploading ${event.id}`, fields };
    case "upload.retried":
      return {
        level: "warn",
        message: `uploading ${event.id} failed and is tried again: ${event.message}`,
        fields,
        once: once("upload", event.code),
      };
    case "upload.failed":
      return {
        level: "error",
        message: `uploading ${event.id} failed and needs a person: ${event.message}`,
        fields,
        once: once("upload", event.code),
      };
    case "upload.completed":
      return { level: "info", message: `stored ${event.id} at ${event.location}`, fields, clears: "upload" };
    case "upload.leftover_aborted":
      return { level: "info", message: `gave up a leftover upload of ${event.key}`, fields };
    case "spool.full":
      return { level: "error", message: `the spool is full: capture ${event.id} was refused`, fields };
    case "spool.dropped":
      return {
        level: "error",
        message: `capture ${event.id} was dropped before it was stored: ${event.reason}`,
        fields,
      };
    case "spool.recovered":
      return {
        level: "info",
        message: `the spool holds ${event.recovery.captures} captures to upload`,
        fields,
      };
    case "spool.remove_failed":
    case "spool.journal_failed":
      return { level: "warn", message: event.message, fields, once: once("spool", event.code) };
    case "spool.waited_for_lease":
      return { level: "warn", message: `the spool was in use by ${event.holder}`, fields };
    case "retention.deleted":
      return { level: "info", message: `retention deleted ${event.id}: ${event.reason}`, fields };
    case "retention.failed":
      return { level: "warn", message: event.message, fields, once: once("retention", event.code) };
    case "metrics.dropped":
      return {
        level: "warn",
        message: `${event.rows} rows of metrics were one too many for a file`,
        fields,
      };
    case "metrics.failed":
      return { level: "warn", message: event.message, fields, once: once("metrics", event.code) };
    case "index.failed":
      return { level: "warn", message: event.message, fields, once: once("index", event.code) };
    default:
      return assertNever(event);
  }
}
