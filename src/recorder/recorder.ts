import type { Dispatcher } from "undici";
import type { BufferPool } from "../base/buffers.ts";
import type { Clock } from "../base/clock.ts";
import { errorMessage, ScrapeError } from "../base/errors.ts";
import { epochMilliseconds, milliseconds, type EpochMilliseconds, type Milliseconds } from "../base/units.ts";
import type { RingLimits } from "../ring/options.ts";
import type { RecordedGeneration, RecordedSession } from "../ring/recording.ts";
import { SessionRing } from "../ring/session.ts";
import { Backoff } from "../scraper/backoff.ts";
import type { TraceOptions } from "../scraper/options.ts";
import { shorterStream, streamTrace, type StreamEnd } from "../scraper/stream.ts";
import type { Target } from "../scraper/target.ts";
import type { RecorderEvent } from "./events.ts";
import { pruneSessions } from "./sessions.ts";
import type { Hold, RecorderState, TraceSource } from "./source.ts";
import { Waiters } from "./waiters.ts";

export interface RecorderOptions {
  readonly trace: TraceOptions;
  readonly ring: RingLimits;
}

export interface RecorderDependencies {
  readonly dispatcher: Dispatcher;
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly emit: (event: RecorderEvent) => void;
  /** Takes each generation as it is sealed. Called inside the socket's read: it must return at once. */
  readonly onGeneration: (session: RecordedSession, generation: RecordedGeneration) => void;
  /** Shared by all recorders. */
  readonly buffers?: BufferPool;
}

const FAILURE_BACKOFF = { first: milliseconds(250), max: milliseconds(30_000) };
/** After an abort the runtime needs about 50 ms to let go of its tracer (measured), so the first tries are quick. */
const BUSY_BACKOFF = { first: milliseconds(100), max: milliseconds(15_000) };
/** What the runtime is given to let go of its tracer after the stream was closed, before the slot is called free. */
const RELEASE_GRACE = milliseconds(150);
/** A stream cannot hold more time than has passed since it was asked for; two machines' clocks may differ by this. */
const PAST_TOLERANCE = milliseconds(1000);
/** No server is asked for less. */
const SHORTEST_STREAM = milliseconds(1000);
/** Closing a connection takes no longer. */
const RELEASE_LIMIT = milliseconds(5000);

/** Holds one target's execution trace: one connection after the other, a session and a ring for each. */
export class Recorder implements TraceSource {
  readonly target: Target;
  readonly #options: RecorderOptions;
  readonly #deps: RecorderDependencies;
  readonly #failure: Backoff;
  readonly #busy: Backoff;
  #current: SessionRing | undefined;
  #previous: readonly RecordedSession[] = [];
  #state: RecorderState;
  #mode: "stream" | "poll";
  #streamFor: Milliseconds;
  #sessionCount = 0;
  readonly #waiters = new Waiters();
  #hold: Hold | undefined;
  /** The hold that has taken effect. */
  #resting: Hold | undefined;
  /** Ends what the loop is doing: the agent stops, or the tracer is to be let go. */
  #turn = new AbortController();

  constructor(target: Target, options: RecorderOptions, deps: RecorderDependencies) {
    this.target = target;
    this.#options = options;
    this.#deps = deps;
    this.#failure = new Backoff(FAILURE_BACKOFF, deps.random);
    this.#busy = new Backoff(BUSY_BACKOFF, deps.random);
    this.#mode = options.trace.mode === "poll" ? "poll" : "stream";
    this.#streamFor = options.trace.seconds;
    this.#state = this.#stateOf("waiting", "not started");
  }

  /** How long the next trace is asked for. */
  get #duration(): Milliseconds {
    const { window } = this.#options.trace;
    return this.#mode === "poll" ? milliseconds(Math.min(window, this.#streamFor)) : this.#streamFor;
  }

  get state(): RecorderState {
    return this.#state;
  }

  /** What is held, oldest session first. Costs nothing and does not change afterwards. */
  sessions(): readonly RecordedSession[] {
    const current = this.#current?.recorded();
    return current === undefined ? this.#previous : [...this.#previous, current];
  }

  /** Records until `signal` is aborted. Never throws: every failure is an event and another try. */
  async run(signal: AbortSignal): Promise<void> {
    const stop = (): void => this.#turn.abort(signal.reason);
    signal.addEventListener("abort", stop, { once: true });
    while (!signal.aborted) {
      this.#turn = new AbortController();
      if (this.#hold === undefined) await this.#record(this.#turn.signal);
      else await this.#rest(this.#hold, signal);
    }
    signal.removeEventListener("abort", stop);
    this.#setState("stopped", "the agent stops, or the target is no longer configured");
  }

  /** Lets the tracer go for a time. Resolves when it is free; a hold in force is replaced. */
  async hold(hold: Hold): Promise<void> {
    this.#hold = hold;
    this.#turn.abort(new ScrapeError("truncated", hold.reason));
    this.#waiters.wake();
    const deadline = this.#deps.clock.monotonic() + RELEASE_LIMIT;
    while (this.#hold === hold && this.#resting !== hold && this.#state.kind !== "stopped") {
      const left = deadline - this.#deps.clock.monotonic();
      if (left <= 0) break;
      await this.#waiters.next(this.#deps.clock, milliseconds(left));
    }
    await this.#deps.clock.sleep(RELEASE_GRACE);
  }

  /** Ends a hold before its time. */
  resume(): void {
    this.#hold = undefined;
    this.#waiters.wake();
  }

  /**
   * Waits until what is held reaches `until`, or `limit` has passed, or nothing more will come.
   * Returns whether it was reached.
   */
  async reaches(until: EpochMilliseconds, limit: Milliseconds, signal: AbortSignal): Promise<boolean> {
    const deadline = this.#deps.clock.monotonic() + limit;
    for (;;) {
      if ((this.sessions().at(-1)?.generations.at(-1)?.wallEnd ?? 0) >= until) return true;
      const left = deadline - this.#deps.clock.monotonic();
      const { kind } = this.#state;
      if (left <= 0 || kind === "stopped" || kind === "yielded" || kind === "paused") return false;
      // A recorder that lost its target has nothing more to wait for: what came after the moment is gone.
      if (kind === "waiting" && this.#mode === "stream") return false;
      await this.#waiters.next(this.#deps.clock, milliseconds(left), signal);
    }
  }

  /** One connection and the pause after it; ends early when `turn` is aborted. */
  async #record(turn: AbortSignal): Promise<void> {
    const began = this.#deps.clock.monotonic();
    const pause = await this.#session(turn).catch((error: unknown) => this.#refused(error, turn));
    if (turn.aborted) return;
    const wait = this.#mode === "poll" && pause === 0 ? this.#untilNextWindow(began) : pause;
    if (wait > 0) await this.#deps.clock.sleep(wait, turn).catch(() => undefined);
  }

  /** Leaves the tracer alone until the hold's time is over, or it is taken back. */
  async #rest(hold: Hold, signal: AbortSignal): Promise<void> {
    const { clock, emit } = this.#deps;
    const { kind, reason } = hold;
    const until = clock.monotonic() + hold.duration;
    const ends = epochMilliseconds(clock.now() + hold.duration);
    this.#resting = hold;
    this.#setState(kind, reason, this.#state.format, ends);
    emit({ kind: "stream.held", target: this.target.name, how: kind, reason, duration: hold.duration });
    while (this.#hold === hold && !signal.aborted) {
      const left = until - clock.monotonic();
      if (left <= 0) this.#hold = undefined;
      else await this.#waiters.next(clock, milliseconds(left), signal).catch(() => undefined);
    }
    if (this.#hold !== undefined) return;
    this.#failure.reset();
    this.#busy.reset();
    if (!signal.aborted) emit({ kind: "stream.resumed", target: this.target.name });
  }

  /** One connection from open to end. Returns how long to wait before the next. */
  async #session(signal: AbortSignal): Promise<Milliseconds> {
    const { clock, emit } = this.#deps;
    const { trace, ring } = this.#options;
    const session = new SessionRing({
      id: `${Math.floor(clock.now()).toString(36)}-${this.#sessionCount++}`,
      limits: ring,
      maxGenerationBytes: trace.maxGenerationBytes,
      ...(this.#deps.buffers !== undefined && { buffers: this.#deps.buffers }),
    });
    const asked = this.#duration;
    const intake: Intake = {
      session,
      asked: clock.monotonic(),
      received: 0,
      broken: undefined,
      recognised: false,
    };
    this.#setState("connecting", `asked ${this.target.address} for ${asked / 1000} s of trace`);
    const end = await streamTrace(
      this.#deps.dispatcher,
      this.target,
      trace,
      asked,
      () => {
        emit({ kind: "stream.opened", target: this.target.name, session: session.id });
        this.#setState("recording", "the stream is open");
      },
      (chunk) => this.#take(intake, chunk),
      signal,
    ).catch((error: unknown) => {
      this.#retire(session);
      throw error;
    });
    return this.#finish(intake, end);
  }

  /** Runs inside the socket's read. Returns false when the stream is of no use. */
  #take(intake: Intake, chunk: Uint8Array): boolean {
    const { session } = intake;
    intake.received += chunk.length;
    try {
      const sealed = session.push(chunk, this.#deps.clock.now());
      if (!intake.recognised && session.format !== undefined && !this.#recognise(intake, session.format))
        return false;
      this.#current = session;
      for (const generation of sealed) this.#seal(intake, generation);
      return true;
    } catch (error) {
      intake.broken = errorMessage(error);
      return false;
    }
  }

  #recognise(intake: Intake, format: string): boolean {
    intake.recognised = true;
    const { session } = intake;
    const wanted = session.streamable && this.#options.trace.mode === "stream" ? "stream" : "poll";
    const goesOn = this.#mode === wanted || wanted === "stream";
    this.#mode = wanted;
    this.#deps.emit({
      kind: "stream.recognised",
      target: this.target.name,
      session: session.id,
      format,
      streamable: session.streamable,
    });
    this.#setState("recording", "the stream is open", format);
    return goesOn;
  }

  #seal(intake: Intake, generation: RecordedGeneration): void {
    const { session } = intake;
    this.#previous = pruneSessions(this.#previous, session.full, this.#options.ring.maxBytes);
    this.#failure.reset();
    this.#busy.reset();
    const recorded = session.recorded();
    this.#deps.emit({
      kind: "generation.sealed",
      target: this.target.name,
      session: session.id,
      generation: generation.number,
      bytes: generation.byteLength,
      ringBytes: session.bytes,
      ringSpan: milliseconds(session.spanNs / 1e6),
      ringGenerations: recorded?.generations.length ?? 0,
      evicted: session.takeEvicted(),
      received: intake.received,
    });
    intake.received = 0;
    if (recorded !== undefined) this.#deps.onGeneration(recorded, generation);
    this.#waiters.wake();
  }

  #finish(intake: Intake, end: StreamEnd): Milliseconds {
    const { session } = intake;
    if (end.kind === "finished" && intake.broken === undefined) {
      try {
        for (const generation of session.end(this.#deps.clock.now())) this.#seal(intake, generation);
      } catch (error) {
        intake.broken = errorMessage(error);
      }
    }
    const whole = session.recorded() !== undefined;
    const took = this.#deps.clock.monotonic() - intake.asked;
    const older = session.spanNs / 1e6 - took;
    this.#retire(session);
    if (intake.recognised && end.kind === "declined" && intake.broken === undefined) {
      // A format that cannot be streamed: the runtime needs a moment to let go of its tracer.
      return this.#busy.next();
    }
    const how = intake.broken !== undefined ? "broken" : end.kind === "lost" ? "lost" : "finished";
    this.#deps.emit({
      kind: "stream.ended",
      target: this.target.name,
      session: session.id,
      how,
      message:
        intake.broken ?? (end.kind === "lost" ? errorMessage(end.error) : "after the seconds asked for"),
      ...(end.kind === "lost" && {
        code: end.error.code,
        ...(end.error.hint !== undefined && { hint: end.error.hint }),
      }),
      droppedBytes: session.openBytes,
    });
    if (this.#mode === "stream" && older > PAST_TOLERANCE) return this.#refuse(heldNotLive(this.target));
    // A server that ends streams at once, or without one whole generation, must not be asked in a tight loop.
    const lasted = this.#mode === "poll" || took >= SHORTEST_STREAM;
    const pause = how === "finished" && whole && lasted ? milliseconds(0) : this.#failure.next();
    if (pause > 0) this.#setState("waiting", `the stream was ${how}; trying again`);
    return pause;
  }

  #refused(error: unknown, signal: AbortSignal): Milliseconds {
    if (signal.aborted) return milliseconds(0);
    const refusal =
      error instanceof ScrapeError
        ? error
        : new ScrapeError("connect", `cannot read the trace of ${this.target.address}`, { cause: error });
    return this.#refuse(refusal);
  }

  #refuse(refusal: ScrapeError): Milliseconds {
    const pause = this.#pauseAfter(refusal);
    this.#deps.emit({ kind: "stream.refused", target: this.target.name, error: refusal, retryIn: pause });
    this.#setState("waiting", errorMessage(refusal));
    return pause;
  }

  #pauseAfter({ kind }: ScrapeError): Milliseconds {
    if (kind === "unsupported") return this.#options.trace.interval;
    if (kind === "already-enabled") return this.#busy.next();
    const shorter = kind === "limit" ? shorterStream(this.#duration) : this.#streamFor;
    if (shorter >= this.#streamFor) return this.#failure.next();
    // A few steps down to what the server allows: there is nothing to wait for.
    this.#streamFor = shorter;
    return milliseconds(0);
  }

  /** The session takes no more; what it holds stays until newer sessions hold as much. */
  #retire(session: SessionRing): void {
    if (this.#current !== session) return;
    session.close();
    const recorded = session.recorded();
    this.#current = undefined;
    if (recorded !== undefined) {
      this.#previous = pruneSessions([...this.#previous, recorded], false, this.#options.ring.maxBytes);
    }
    this.#waiters.wake();
  }

  #untilNextWindow(began: Milliseconds): Milliseconds {
    this.#setState("waiting", "between two windows");
    const next = began + this.#options.trace.interval - this.#deps.clock.monotonic();
    return milliseconds(Math.max(0, next));
  }

  #setState(
    kind: RecorderState["kind"],
    reason: string,
    format = this.#state.format,
    until?: EpochMilliseconds,
  ): void {
    this.#state = {
      ...this.#stateOf(kind, reason, format),
      ...(until !== undefined && { until }),
    };
    this.#waiters.wake();
  }

  #stateOf(kind: RecorderState["kind"], reason: string, format?: string): RecorderState {
    return { kind, since: this.#deps.clock.now(), reason, mode: this.#mode, format };
  }
}

/** The answer held more time than has passed since it was asked for: a ring of the service's own, such as CockroachDB's. */
function heldNotLive({ address }: Target): ScrapeError {
  return new ScrapeError("unsupported", `${address} sends what it has recorded, and not what happens`, {
    hint: "This is a flight recorder of the service: use trace.mode snapshot, with this path.",
  });
}

/** What is known of the connection while its bytes come in. */
interface Intake {
  readonly session: SessionRing;
  /** Monotonic: when it was asked for. The server's answer may come seconds after its trace began. */
  readonly asked: Milliseconds;
  /** Bytes since the last sealed generation was reported. */
  received: number;
  /** Why the bytes can no longer be read, once that is so. */
  broken: string | undefined;
  recognised: boolean;
}
