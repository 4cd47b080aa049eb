import { readdir, readFile, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { bytes, epochMilliseconds, milliseconds, type EpochMilliseconds } from "../base/units.ts";
import { decodeManifest, MANIFEST_NAME, TRACE_NAME } from "../capture/manifest.ts";
import { GenerationAnalyser } from "../observe/analyser.ts";
import { SessionRing } from "../ring/session.ts";
import { MetricSignals } from "../signals/metric-signals.ts";
import type { Labels, ObservationBatch } from "../signals/signal.ts";
import { readPages } from "./recorded-pages.ts";

/** What the rules see of what was recorded. */
export interface Recording {
  readonly file: string;
  readonly batches: readonly ObservationBatch[];
  /** Generations that could not be read. */
  readonly problems: readonly string[];
}

/** Whose recordings they are, where they do not tell. */
export interface RecordedTarget {
  /** Default: each file is a target of its own, by its name. */
  readonly name?: string;
  readonly labels: Labels;
}

/** Read at once: traces larger than this are cut first (`gorewind trace cut`). */
const MAX_TRACE_BYTES = 2 ** 31;
/** `go 1.26 trace\0\0\0` */
const TRACE_HEADER = /^go 1\.\d+ trace/;

/** Reads recordings one after another; what is compared between two scrapes of a target is kept. */
export class Recordings {
  readonly #target: RecordedTarget;
  readonly #metrics = new Map<string, MetricSignals>();

  constructor(target: RecordedTarget) {
    this.#target = target;
  }

  /**
   * A trace, a capture's folder, or what was kept beside a trace, as the batches that the agent would have made of it.
   *
   * @throws {UnreadableRecording} it is nothing that is known.
   */
  async read(path: string): Promise<Recording> {
    if ((await stat(path)).isDirectory()) return await this.#readCapture(path);
    return await this.#readFile(path, this.#target.name ?? basename(path), this.#target.labels);
  }

  /** Its trace, and the profiles that give signals. */
  async #readCapture(folder: string): Promise<Recording> {
    const { target } = decodeManifest(await readFile(join(folder, MANIFEST_NAME), "utf8"));
    const labels = { ...target.labels, ...this.#target.labels };
    const names = (await readdir(folder)).filter((name) => name === TRACE_NAME || name.endsWith(".pb.gz"));
    const parts = await Promise.all(
      names.map((name) => this.#readFile(join(folder, name), this.#target.name ?? target.name, labels)),
    );
    return {
      file: folder,
      batches: parts.flatMap(({ batches }) => batches),
      problems: parts.flatMap(({ problems }) => problems),
    };
  }

  async #readFile(file: string, target: string, targetLabels: Labels): Promise<Recording> {
    // What has no wall clock of its own (a trace of Go 1.24 and older as well) ends when its file was last written.
    const writtenAt = epochMilliseconds((await stat(file)).mtimeMs);
    const content = await readFile(file);
    if (TRACE_HEADER.test(content.subarray(0, 16).toString("latin1"))) {
      return readTrace(file, content, writtenAt, { target, targetLabels });
    }
    let metrics = this.#metrics.get(target);
    if (metrics === undefined) this.#metrics.set(target, (metrics = new MetricSignals()));
    const batches = readPages(file, content, writtenAt, metrics).map(
      ({ source, at, interval, observations }): ObservationBatch => ({
        target,
        targetLabels,
        source,
        at: epochMilliseconds(at),
        interval: milliseconds(interval),
        observations,
      }),
    );
    return { file, batches, problems: [] };
  }
}

function readTrace(
  file: string,
  content: Uint8Array,
  writtenAt: EpochMilliseconds,
  { target, targetLabels }: Pick<ObservationBatch, "target" | "targetLabels">,
): Recording {
  const session = new SessionRing({
    id: file,
    limits: { minAge: milliseconds(Number.MAX_SAFE_INTEGER), maxBytes: bytes(MAX_TRACE_BYTES) },
    maxGenerationBytes: MAX_TRACE_BYTES,
  });
  const generations = [...session.push(content, writtenAt), ...session.end(writtenAt)];
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
  return { file, batches, problems };
}
