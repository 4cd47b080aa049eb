import type { Clock } from "../base/clock.ts";
import type { GorewindError } from "../base/errors.ts";
import type { TargetGroup } from "./targets.ts";

/** Looks for targets until it is told to stop. */
export interface Discoverer {
  /**
   * Ends when `signal` is aborted, and not before; never throws.
   *
   * @param onUpdate takes everything there is now, each time that something changed.
   * @param onFailure takes what went wrong; what was handed to `onUpdate` last stays good.
   */
  run(
    signal: AbortSignal,
    onUpdate: (groups: readonly TargetGroup[]) => void,
    onFailure: (error: GorewindError) => void,
  ): Promise<void>;
}

export interface DiscoveryContext {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Relative paths of the configuration are below it. */
  readonly folder: string;
}
