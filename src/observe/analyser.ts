import { errorMessage, GorewindError } from "../base/errors.ts";
import { milliseconds } from "../base/units.ts";
import type { Observation } from "../signals/signal.ts";
import { TraceSignals } from "../signals/trace-signals.ts";
import { GenerationDecoder, type TraceNotice } from "../trace/decoder.ts";
import { Framing, type RawGeneration } from "../trace/framing.ts";
import { isV2Version } from "../trace/header.ts";
import { readTrace } from "../trace/reader.ts";
import type { AnalysisJob, GenerationAnswer } from "./protocol.ts";

/** What is known of a session from its earlier generations: goroutine states, tasks that are still open. */
interface SessionState {
  readonly session: string;
  readonly signals: TraceSignals;
  readonly decoder: GenerationDecoder | undefined;
  /** What the decoder went past in the generation at hand. */
  notices: TraceNotice[];
}

/**
 * Generations → observations. Keeps one state a target, of its newest session: an older session's state is of no use,
 * since sessions are never joined.
 */
export class GenerationAnalyser {
  readonly #states = new Map<string, SessionState>();

  forget(target: string): void {
    this.#states.delete(target);
  }

  /** Never throws: a generation that cannot be read is an answer too. */
  analyse(job: AnalysisJob): GenerationAnswer {
    const began = performance.now();
    const { target, generation, at, interval } = job;
    try {
      const { observations, events } = this.#observe(job);
      const took = milliseconds(performance.now() - began);
      return {
        kind: "observed",
        target,
        generation,
        at,
        interval,
        observations,
        events,
        bytes: job.trace.length,
        took,
      };
    } catch (error) {
      this.#states.delete(target);
      const code = error instanceof GorewindError ? error.code : "unexpected";
      return { kind: "unreadable", target, generation, code, message: errorMessage(error) };
    }
  }

  #observe(job: AnalysisJob): { observations: readonly Observation[]; events: number } {
    const raw = frame(job);
    const state = this.#stateOf(job, raw);
    state.notices = [];
    const batches =
      raw !== undefined && state.decoder !== undefined
        ? state.decoder.decode(raw)
        : readTrace(job.trace, { mode: "tolerant" });
    let events = 0;
    let timeBase = 0;
    for (const batch of batches) {
      if (batch.generation.number !== 0) timeBase = batch.generation.timeBase;
      events += batch.length;
      state.signals.add(batch);
    }
    const wallOf = (relative: number): number => (timeBase + relative) / 1e6 + job.wallAnchor;
    const observations = state.signals.finish(wallOf);
    const broken = state.notices.find((notice) => notice.error !== undefined)?.error;
    if (broken !== undefined) throw broken;
    return { observations, events };
  }

  #stateOf(job: AnalysisJob, raw: RawGeneration | undefined): SessionState {
    const known = this.#states.get(job.target);
    if (known?.session === job.session) return known;
    const onNotice = (notice: TraceNotice): void => {
      state.notices.push(notice);
      state.signals.reset();
    };
    const state: SessionState = {
      session: job.session,
      signals: new TraceSignals(),
      decoder: raw && new GenerationDecoder(raw.version, { mode: "tolerant", onNotice }),
      notices: [],
    };
    this.#states.set(job.target, state);
    return state;
  }
}

/** The job's one generation where it lies, or undefined for a format that comes as a whole trace. */
function frame({ trace }: AnalysisJob): RawGeneration | undefined {
  const framing = new Framing({ shareBytes: true });
  const found = [...framing.pushWhole(trace)];
  if (framing.version === undefined || !isV2Version(framing.version)) return undefined;
  found.push(...framing.end());
  return found[0];
}
