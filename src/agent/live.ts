import type { Clock } from "../base/clock.ts";
import { bytes, MiB, milliseconds, type Milliseconds } from "../base/units.ts";
import { Outflow } from "../http/outflow.ts";
import type { RecordedGeneration, RecordedSession } from "../ring/recording.ts";

/** Readers of one target's live trace at once; each holds at most `MAX_BEHIND` of generations the ring let go. */
const MAX_FOLLOWERS = 4;
const MAX_BEHIND = bytes(32 * MiB);
const STALL_MS = 30_000;
/** The generation that holds the last moment asked for is sealed about a second after it, later on an idle Go 1.24. */
const TAIL = milliseconds(8000);

interface Follower {
  readonly out: Outflow;
  /** Monotonic: the first generation sealed after it is the last one. */
  readonly until: Milliseconds;
  session: string | undefined;
  /** The first generation has come, or none will. */
  readonly begun: (begun: boolean) => void;
}

/**
 * The trace of targets as it comes in, for others: a header and whole generations from now on, so that nobody needs a
 * target's one tracer. `offer` runs inside the socket's read: it hands references on and never waits.
 */
export class LiveTraces {
  readonly #clock: Clock;
  readonly #followers = new Map<string, Set<Follower>>();
  readonly #onDropped: (target: string, error: Error) => void;

  /** @param onDropped a reader was given up because it was too slow. */
  constructor(clock: Clock, onDropped: (target: string, error: Error) => void) {
    this.#clock = clock;
    this.#onDropped = onDropped;
  }

  /** A generation of `target` is sealed. */
  offer(target: string, session: RecordedSession, generation: RecordedGeneration): void {
    for (const follower of this.#followers.get(target) ?? []) this.#hand(follower, session, generation);
  }

  /** The target is gone: what its readers have is whole. */
  forget(target: string): void {
    for (const follower of this.#followers.get(target) ?? []) follower.out.end();
  }

  /**
   * Resolves with the body once the first generation is there: `busy` when too many read already, `silent` when no
   * generation came.
   */
  async follow(
    target: string,
    duration: Milliseconds,
    signal: AbortSignal,
  ): Promise<ReadableStream<Uint8Array> | "busy" | "silent"> {
    const followers = this.#followers.get(target) ?? new Set<Follower>();
    if (followers.size >= MAX_FOLLOWERS) return "busy";
    this.#followers.set(target, followers);
    const over = new AbortController();
    let begin: (begun: boolean) => void = () => undefined;
    const begun = new Promise<boolean>((resolve) => {
      begin = resolve;
    });
    const out = new Outflow({
      maxBytes: MAX_BEHIND,
      stallMs: STALL_MS,
      onClosed: (error) => {
        followers.delete(follower);
        if (followers.size === 0) this.#followers.delete(target);
        begin(false);
        over.abort();
        if (error !== undefined && !signal.aborted) this.#onDropped(target, error);
      },
    });
    const until = milliseconds(this.#clock.monotonic() + duration);
    const follower: Follower = { out, until, session: undefined, begun: begin };
    followers.add(follower);
    // Whatever happens to the target, the reader is let go.
    void this.#clock.sleep(milliseconds(duration + TAIL), over.signal).then(
      () => out.end(),
      () => undefined,
    );
    const gone = (): void => out.fail(new Error("the client is gone"));
    signal.addEventListener("abort", gone, { once: true });
    return (await begun) ? out.body : "silent";
  }

  #hand(follower: Follower, session: RecordedSession, generation: RecordedGeneration): void {
    const { out } = follower;
    if (follower.session === undefined) {
      follower.session = session.id;
      out.offer(session.header);
      follower.begun(true);
    } else if (follower.session !== session.id) {
      // Sessions are never joined: the trace ends where the connection did.
      out.end();
      return;
    }
    if (!out.offer(generation.bytes)) return;
    if (this.#clock.monotonic() >= follower.until) out.end();
  }
}
