import type { RecordedSession } from "../ring/recording.ts";

/** A target that comes and goes all the time leaves at most this many short sessions behind. */
const MAX_PREVIOUS = 8;

/**
 * Which earlier sessions are still worth their memory: none once the current one holds as much as the ring is asked
 * to (`currentFull`), else the newest ones within the ring's bytes. So right after a reconnect, or after the service
 * died, the last seconds before it are still there.
 *
 * @param previous oldest first; the answer is too.
 */
export function pruneSessions(
  previous: readonly RecordedSession[],
  currentFull: boolean,
  maxBytes: number,
): readonly RecordedSession[] {
  if (currentFull || previous.length === 0) return [];
  let bytes = 0;
  const kept: RecordedSession[] = [];
  for (const session of previous.slice(-MAX_PREVIOUS).toReversed()) {
    const size = session.generations.reduce((sum, generation) => sum + generation.byteLength, 0);
    // The newest always stays: like the ring, whole things only, and never nothing.
    if (kept.length > 0 && bytes + size > maxBytes) break;
    bytes += size;
    kept.push(session);
  }
  return kept.length === previous.length ? previous : kept.reverse();
}

/**
 * The sessions without the generations that a newer snapshot of the same recorder holds as well.
 *
 * @param sessions oldest first.
 */
export function withoutWhatIsIn(
  sessions: readonly RecordedSession[],
  newer: RecordedSession,
): readonly RecordedSession[] {
  const first = newer.generations[0];
  const last = newer.generations.at(-1);
  if (first === undefined || last === undefined) return sessions;
  return sessions.flatMap((session) => {
    const generations = session.generations.filter(
      // Trace time goes back when the machine was started anew: that is another recorder's.
      ({ startNs, endNs }) => startNs < first.startNs || endNs > last.endNs,
    );
    if (generations.length === session.generations.length) return [session];
    return generations.length === 0 ? [] : [{ ...session, generations }];
  });
}
