import type { Clock } from "../base/clock.ts";
import type { RecordedSession } from "../ring/recording.ts";
import type { Target } from "../scraper/target.ts";
import type { RecorderState, TraceSource } from "./source.ts";

/** `trace.mode: off`: nothing is recorded, so there is nothing to wait for and no tracer to let go. */
export class NoTrace implements TraceSource {
  readonly target: Target;
  readonly state: RecorderState;

  constructor(target: Target, clock: Clock) {
    this.target = target;
    const reason = "trace.mode is off: its trace is not recorded";
    this.state = { kind: "stopped", since: clock.now(), reason, mode: "off", format: undefined };
  }

  sessions(): readonly RecordedSession[] {
    return [];
  }

  run(): Promise<void> {
    return Promise.resolve();
  }

  reaches(): Promise<boolean> {
    return Promise.resolve(false);
  }

  hold(): Promise<void> {
    return Promise.resolve();
  }

  resume(): void {
    // Nothing is held.
  }
}
