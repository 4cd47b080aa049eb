import { readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { bytes, milliseconds, type EpochMilliseconds } from "../base/units.ts";
import { decodeManifest, MANIFEST_NAME, TRACE_NAME } from "../capture/manifest.ts";
import { GenerationAnalyser } from "../observe/analyser.ts";
import { SessionRing } from "../ring/session.ts";
import type { Labels, ObservationBatch } from "../signals/signal.ts";

/** What the rules see of a recorded trace. */
export interface Recording {
  readonly file: string;
  readonly target: string;
  readonly batches: readonly ObservationBatch[];
  /** Generations that could not be read. */
  readonly problems: readonly string[];
}

/** Read at once: traces larger than this are cut first (`gorewind trace cut`). */
const MAX_TRACE_BYTES = 2 ** 31;

/**
 * A trace, or a capture's folder, as the batches of observations that the agent would have made of it live.
 *
 * @param labels of the target, when the file does not tell them.
 * @throws {TraceFormatError} it is no trace.
 */
export async function readRecording(path: string, labels: Labels): Promise<Recording> {
  const isFolder = (await stat(path)).isDirectory();
  const manifest = isFolder ? decodeManifest(await readFile(join(path, MANIFEST_NAME), "utf8")) : undefined;
  const file = isFolder ? join(path, TRACE_NAME) : path;
  const target = manifest?.target.name ?? basename(path);
  const targetLabels = { ...manifest?.target.labels, ...labels };
  const session = new SessionRing({
    id: path,
    limits: { minAge: milliseconds(Number.MAX_SAFE_INTEGER), maxBytes: bytes(MAX_TRACE_BYTES) },
    maxGenerationBytes: MAX_TRACE_BYTES,
  });
  // Without a wall clock of its own (Go 1.24 and older) a trace ends when its file was last written.
  const writtenAt = (await stat(file)).mtimeMs as EpochMilliseconds;
  const generations = [...session.push(await readFile(file), writtenAt), ...session.end(writtenAt)];
  const header = session.recorded()?.header ?? new Uint8Array();
  const analyser = new GenerationAnalyser();
  const batches: ObservationBatch[] = [];
  const problems: string[] = [];
  for (const generation of generations) {
    const interval = milliseconds((generation.endNs - generation.startNs) / 1e6);
    const at = generation.wallEnd;
    const trace = new Uint8Array(header.length + generation.byteLength);
    trace.set(header);
    generation.copyTo(trace, header.length);
    const answer = analyser.analyse({
      target,
      session: session.id,
      generation: generation.number,
      trace,
      wallAnchor: generation.wallStart - generation.startNs / 1e6,
      at,
      interval,
    });
    if (answer.kind === "unreadable") problems.push(`generation ${answer.generation}: ${answer.message}`);
    else
      batches.push({
        target,
        targetLabels,
        source: "trace",
        at,
        interval,
        observations: answer.observations,
      });
  }
  return { file: path, target, batches, problems };
}
