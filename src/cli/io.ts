import type { Environment } from "../config/yaml.ts";

export interface ProcessUsage {
  /** Processor time of all threads since the start, in seconds. */
  readonly cpuSeconds: number;
  readonly residentBytes: number;
}

/** What a command has of the process. `main.ts` hands in the real one. */
export interface CommandIo {
  readonly out: (text: string) => void;
  /** As `out`, for much of it: resolves when there is room for more. */
  readonly write: (text: string) => Promise<void>;
  readonly err: (text: string) => void;
  readonly env: Environment;
  readonly host: string;
  readonly version: string;
  readonly node: string;
  /** Whether `out` is a terminal, for colours. */
  readonly terminal: boolean;
  /** Calls `handler` at each of these signals until the returned function is called. */
  readonly onSignal: (
    signals: readonly NodeJS.Signals[],
    handler: (signal: NodeJS.Signals) => void,
  ) => () => void;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** What this process has used and holds. */
  readonly usage: () => ProcessUsage;
  readonly exit: (code: number) => never;
}
