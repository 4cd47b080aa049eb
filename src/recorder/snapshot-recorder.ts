import { errorMessage, ScrapeError } from "../base/errors.ts";
import { epochMilliseconds, milliseconds, type EpochMilliseconds, type Milliseconds } from "../base/units.ts";
import type { RecordedGeneration, RecordedSession } from "../ring/recording.ts";
import { SessionRing } from "../ring/session.ts";
import { Backoff } from "../scraper/backoff.ts";
import type { Target } from "../scraper/target.ts";
import type { RecorderDependencies, RecorderOptions } from "./recorder.ts";
import { pruneSessions, withoutWhatIsIn } from "./sessions.ts";
import type { Snapshot, SnapshotSupply } from "./snapshots.ts";
import type { Hold, RecorderState, TraceSource } from "./source.ts";
import { Waiters } from "./waiters.ts";

const FAILURE_BACKOFF = { first: milliseconds(500), max: milliseconds(30_000) };
/** What is never asked for by itself is looked at this seldom. */
const NEVER = milliseconds(86_400_000);
const RETRY_ON_DEMAND = milliseconds(500);

/**
 * Keeps what a flight recorder inside the service gives out, whole traces at a time: on a schedule, and when a capture
 * wants one that reaches up to its moment. Each is a session of its own; of generations that come again only the newer
 * copy is kept, and only new ones are reported.
 */
export class SnapshotRecorder implements TraceSource {
  readonly target: Target;
  readonly #options: RecorderOptions;
  readonly #deps: RecorderDependencies;
  readonly #supply: SnapshotSupply;
  readonly #failure: Backoff;
  readonly #waiters = new Waiters();
  #sessions: readonly RecordedSession[] = [];
  #state: RecorderState;
  #count = 0;
  /** Trace time in ns up to which generations were reported. */
  #reportedNs = -Infinity;
  #hold: Hold | undefined;
  /** How often it was tried to take what is there. */
  #tries = 0;
  #failing = false;
  /** A capture wants a snapshot now. */
  #wanted = false;
  #format: string | undefined;

  constructor(target: Target, options: RecorderOptions, supply: SnapshotSupply, deps: RecorderDependencies) {
    this.target = target;
    this.#options = options;
    this.#deps = deps;
    this.#supply = supply;
    this.#failure = new Backoff(FAILURE_BACKOFF, deps.random);
    this.#state = this.#stateOf("waiting", "not started");
  }

  get state(): RecorderState {
    return this.#state;
  }

  sessions(): readonly RecordedSession[] {
    return this.#sessions;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const { interval } = this.#options.trace;
    // Only on demand: nothing is asked for at the start either.
    let due = interval > 0 ? clock.monotonic() : Infinity;
    while (!signal.aborted) {
      const wait = Math.min(NEVER, due - clock.monotonic());
      if (wait > 0 && !this.#wanted) {
        await this.#waiters.next(clock, milliseconds(wait), signal).catch(() => undefined);
        continue;
      }
      this.#wanted = false;
      if (this.#hold !== undefined) await this.#rest(this.#hold, signal);
      const pause = await this.#take(signal);
      due = interval > 0 ? clock.monotonic() + Math.max(interval, pause) : Infinity;
      this.#tries++;
      this.#failing = pause > 0;
      this.#waiters.wake();
    }
    this.#setState("stopped", "the agent stops, or the target is no longer configured");
  }

  /** A snapshot is taken when `until` has passed: then it holds that moment. A file is waited for. */
  async reaches(until: EpochMilliseconds, limit: Milliseconds, signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#deps;
    const deadline = clock.monotonic() + limit;
    const early = until - clock.now();
    if (early > 0) await clock.sleep(milliseconds(Math.min(early, limit)), signal);
    for (;;) {
      if ((this.#sessions.at(-1)?.generations.at(-1)?.wallEnd ?? 0) >= until) return true;
      const left = deadline - clock.monotonic();
      if (left <= 0 || this.#state.kind === "stopped" || this.#hold !== undefined) return false;
      if (this.#supply.mode === "snapshot") await this.#askNow(milliseconds(left), signal);
      else await this.#waiters.next(clock, milliseconds(left), signal);
    }
  }

  /** Has a snapshot taken, and waits until it is there or could not be had. */
  async #askNow(limit: Milliseconds, signal: AbortSignal): Promise<void> {
    const { clock } = this.#deps;
    const deadline = clock.monotonic() + limit;
    const before = this.#tries;
    this.#wanted = true;
    this.#waiters.wake();
    while (this.#tries === before) {
      const left = deadline - clock.monotonic();
      if (left <= 0) return;
      await this.#waiters.next(clock, milliseconds(left), signal);
    }
    // It failed, or was begun too early: the service is not asked in a tight loop.
    if (this.#state.kind === "waiting" && this.#failing) await clock.sleep(RETRY_ON_DEMAND, signal);
  }

  /** There is no tracer to let go, but the service is left alone. */
  async hold(hold: Hold): Promise<void> {
    this.#hold = hold;
    this.#wanted = true;
    this.#waiters.wake();
    await Promise.resolve();
  }

  resume(): void {
    this.#hold = undefined;
    this.#waiters.wake();
  }

  async #rest(hold: Hold, signal: AbortSignal): Promise<void> {
    const { clock, emit } = this.#deps;
    const { kind, reason, duration } = hold;
    const until = clock.monotonic() + duration;
    this.#setState(kind, reason, epochMilliseconds(clock.now() + duration));
    emit({ kind: "stream.held", target: this.target.name, how: kind, reason, duration });
    while (this.#hold === hold && !signal.aborted) {
      const left = until - clock.monotonic();
      if (left <= 0) this.#hold = undefined;
      else await this.#waiters.next(clock, milliseconds(left), signal).catch(() => undefined);
    }
    if (!signal.aborted) emit({ kind: "stream.resumed", target: this.target.name });
  }

  /** Takes what is there. Returns how long to wait at least before the next try. */
  async #take(signal: AbortSignal): Promise<Milliseconds> {
    try {
      for (const snapshot of await this.#supply.next()) await this.#read(snapshot, signal);
      this.#failure.reset();
      this.#setState("waiting", this.#waitingFor());
      return milliseconds(0);
    } catch (error) {
      if (signal.aborted) return milliseconds(0);
      const retryIn = this.#failure.next();
      const refusal =
        error instanceof ScrapeError
          ? error
          : new ScrapeError("format", `what ${this.target.address} sent is no trace`, { cause: error });
      this.#deps.emit({ kind: "stream.refused", target: this.target.name, error: refusal, retryIn });
      this.#setState("waiting", errorMessage(refusal));
      return retryIn;
    }
  }

  #waitingFor(): string {
    return this.#supply.mode === "file" ? "for the next file" : "for the next snapshot";
  }

  async #read(snapshot: Snapshot, signal: AbortSignal): Promise<void> {
    const { clock, emit } = this.#deps;
    const { trace, ring } = this.#options;
    const session = new SessionRing({
      id: `${Math.floor(clock.now()).toString(36)}-${this.#count++}`,
      limits: ring,
      maxGenerationBytes: trace.maxGenerationBytes,
    });
    const at = (): EpochMilliseconds => snapshot.taken ?? clock.now();
    const sealed: RecordedGeneration[] = [];
    let received = 0;
    let broken: unknown;
    this.#setState("recording", `reading ${snapshot.name}`);
    await snapshot.read((chunk) => {
      received += chunk.length;
      try {
        requireBounded(received, trace.maxGenerationBytes, snapshot.name);
        sealed.push(...session.push(chunk, at()));
        return true;
      } catch (error) {
        broken = error;
        return false;
      }
    }, signal);
    try {
      if (broken === undefined) sealed.push(...session.end(at()));
    } catch (error) {
      broken = error;
    }
    session.close();
    this.#keep(session, sealed, received);
    if (broken === undefined && sealed.length === 0) {
      broken = new ScrapeError("format", `${snapshot.name} holds no whole generation`);
    }
    if (broken === undefined) {
      emit({
        kind: "snapshot.taken",
        target: this.target.name,
        name: snapshot.name,
        mode: this.#supply.mode,
        bytes: received,
      });
      return;
    }
    if (this.#supply.mode === "snapshot") throw broken;
    // A file that is no trace is not read again; the others are none the worse for it.
    const message = errorMessage(broken);
    emit({ kind: "snapshot.rejected", target: this.target.name, name: snapshot.name, message });
  }

  #keep(session: SessionRing, sealed: readonly RecordedGeneration[], received: number): void {
    const recorded = session.recorded();
    if (recorded === undefined) return;
    const { emit, onGeneration } = this.#deps;
    if (this.#format !== recorded.format) {
      this.#format = recorded.format;
      const { format } = recorded;
      const { streamable } = session;
      emit({ kind: "stream.recognised", target: this.target.name, session: session.id, format, streamable });
    }
    const before = this.#supply.overlapping ? withoutWhatIsIn(this.#sessions, recorded) : this.#sessions;
    this.#sessions = pruneSessions([...before, recorded], false, this.#options.ring.maxBytes);
    const newest = sealed.at(-1)?.endNs ?? -Infinity;
    // Trace time only rises while the machine is up: what ends before is of another one, or of another process.
    if (newest < this.#reportedNs) this.#reportedNs = -Infinity;
    let rest = received;
    for (const generation of sealed) {
      if (generation.endNs <= this.#reportedNs) continue;
      this.#reportedNs = generation.endNs;
      emit({
        kind: "generation.sealed",
        target: this.target.name,
        session: session.id,
        generation: generation.number,
        bytes: generation.byteLength,
        ringBytes: this.#heldBytes(),
        ringSpan: milliseconds(session.spanNs / 1e6),
        ringGenerations: recorded.generations.length,
        evicted: session.takeEvicted(),
        received: rest,
      });
      rest = 0;
      onGeneration(recorded, generation);
    }
  }

  #heldBytes(): number {
    return this.#sessions
      .flatMap(({ generations }) => generations)
      .reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  #setState(kind: RecorderState["kind"], reason: string, until?: EpochMilliseconds): void {
    this.#state = { ...this.#stateOf(kind, reason), ...(until !== undefined && { until }) };
    this.#waiters.wake();
  }

  #stateOf(kind: RecorderState["kind"], reason: string): RecorderState {
    const { mode } = this.#supply;
    return { kind, since: this.#deps.clock.now(), reason, mode, format: this.#format };
  }
}

function requireBounded(received: number, limit: number, name: string): void {
  if (received > limit) throw new ScrapeError("limit", `${name} is larger than ${limit} bytes`);
}
