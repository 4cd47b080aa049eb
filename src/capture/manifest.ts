import { z } from "zod";
import { SUMMARY_NUMBERS } from "../base/summary.ts";

/** The file that makes a capture exist: it is written and uploaded last. */
export const MANIFEST_NAME = "manifest.json";
export const TRACE_NAME = "trace.out";
/** What the trace says, for programs (`gorewind analyze --format json`) and for people. */
export const SUMMARY_NAME = "summary.json";
export const REPORT_NAME = "report.html";

const labels = z.record(z.string(), z.string());
const instant = z.iso.datetime({ precision: 3 });

/** Why the capture was taken. Overlapping firings merge into one capture with several reasons. */
const reason = z.object({
  /** The rule's name, or `manual`; `agent-restarted`: what a dead agent's mirrored ring held. */
  rule: z.string(),
  kind: z.enum(["rule", "manual", "signal", "webhook", "schedule", "restart"]),
  severity: z.string(),
  at: instant,
  /** What was looked at, with the series' labels (all of an alert's), and what was seen; absent for a manual capture. */
  signal: z.string().optional(),
  labels: labels.optional(),
  /** The rule's own. */
  rule_labels: labels.optional(),
  annotations: labels.optional(),
  value: z.number().optional(),
  threshold: z.number().optional(),
  unit: z.string().optional(),
  /** One sentence for people. */
  message: z.string(),
});

const file = z.object({
  name: z.string(),
  content_type: z.string(),
  bytes: z.number().int().nonnegative(),
  /** Lower-case hexadecimal. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const traceWindow = z.object({
  /** Wall clock of the first and of the last event. */
  start: instant,
  end: instant,
  /** The same on the trace's own clock, in ns; decimal strings, since they may pass 2^53. */
  start_ns: z.string().regex(/^-?\d+$/),
  end_ns: z.string().regex(/^-?\d+$/),
  /** How the wall clock was found: the trace's own snapshot (Go 1.25+), or when its bytes arrived. */
  clock: z.enum(["snapshot", "arrival"]),
  /** What the rule asked for around the firing, in seconds. */
  before_s: z.number(),
  after_s: z.number(),
  /** False when the ring held less than was asked for: `missing` says what and why. */
  complete: z.boolean(),
  missing: z.string().optional(),
});

const trace = z.object({
  /** The header's version, which decides what `go tool trace` can open it: "1.22", "1.23", "1.25", "1.26" or older. */
  format: z.string(),
  /** One per connection to the target: captures never join two. */
  session: z.string(),
  first_generation: z.number().int(),
  last_generation: z.number().int(),
  generations: z.number().int().positive(),
  bytes: z.number().int().positive(),
  /** Whether our own reader went through it to the end without an error; absent: not tried. */
  parseable: z.boolean().optional(),
  /** What came and was left out, of this trace and the earlier ones, since it was no whole generation. Absent: nothing. */
  cut: z
    .object({ generations: z.number().int().positive(), bytes: z.number().int().nonnegative() })
    .optional(),
});

/** What the trace says, in numbers that captures are compared by; all of it is in `summary.json`. */
const summary = z.partialRecord(z.enum(SUMMARY_NUMBERS), z.number());

const encryption = z.object({
  method: z.literal("age"),
  /** Public keys: any of their holders can read the files, which end in `.age`. */
  recipients: z.array(z.string()).min(1),
});

const privacy = z.object({
  /** The kinds of text that were replaced before anything was written: see `privacy` of the configuration. */
  anonymized: z.array(z.string()),
});

export const manifestSchema = z.object({
  version: z.literal(1),
  /** Unique without a counter: time and randomness. Sorts by time. */
  id: z.string().regex(/^[0-9a-z-]{10,64}$/),
  created: instant,
  target: z.object({ name: z.string(), job: z.string(), address: z.string(), labels }),
  /** At least one; the first is the firing that began the capture. */
  reasons: z.array(reason).min(1),
  window: traceWindow.optional(),
  trace: trace.optional(),
  /** Absent: the trace was not analysed. */
  summary: summary.optional(),
  /** The service's own Go version where it is known (`go1.26.8`). */
  go_version: z.string().optional(),
  /** Absent: the target has no privacy policy, and everything is as it was. */
  privacy: privacy.optional(),
  /** Absent: the files are as they are. The manifest itself is never encrypted. */
  encryption: encryption.optional(),
  agent: z.object({ version: z.string(), host: z.string(), config_hash: z.string() }),
  /** Every file of the capture but the manifest itself. */
  files: z.array(file),
  /** What was asked for and could not be had, with the reason: a profile that failed, a trace that was not there. */
  omitted: z.array(z.object({ name: z.string(), reason: z.string() })),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type CaptureReason = Manifest["reasons"][number];
export type CaptureFile = Manifest["files"][number];

/** The manifest as it stands on disk and in the bucket: indented, so that `cat` is enough to read it. */
export function encodeManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** @throws {SyntaxError} not JSON. @throws {z.ZodError} JSON that is no manifest of a version known here. */
export function decodeManifest(text: string): Manifest {
  return manifestSchema.parse(JSON.parse(text));
}
