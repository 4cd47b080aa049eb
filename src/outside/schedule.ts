import { Cron } from "croner";
import type { Clock } from "../base/clock.ts";
import { milliseconds } from "../base/units.ts";
import type { Schedule } from "./options.ts";

/** A timer cannot be set further than 2^31 ms; looking again every hour also follows a clock that is set. */
const LONGEST_SLEEP_MS = 3_600_000;

/** Calls `onTime` each time the schedule comes round, until `signal` is aborted. */
export async function runSchedule(
  { cron, timezone }: Schedule,
  clock: Clock,
  onTime: () => void,
  signal: AbortSignal,
): Promise<void> {
  const pattern = new Cron(cron, { timezone, paused: true });
  let next = pattern.nextRun(new Date(clock.now()));
  while (!signal.aborted && next !== null) {
    const left = next.getTime() - clock.now();
    if (left > 0) {
      await clock.sleep(milliseconds(Math.min(left, LONGEST_SLEEP_MS)), signal).catch(() => undefined);
      continue;
    }
    onTime();
    // From what was due, not from now, so that a late wake-up does not make the same time come twice.
    next = pattern.nextRun(new Date(Math.max(next.getTime(), clock.now() - LONGEST_SLEEP_MS)));
  }
}
