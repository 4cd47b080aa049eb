import type { Clock } from "../base/clock.ts";
import type { GorewindError } from "../base/errors.ts";
import type { TargetGroup } from "./targets.ts";

/** What every way to look for targets needs of its surroundings. */
export interface DiscoveryContext {
  readonly clock: Clock;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Relative paths of the configuration are below it. */
  readonly folder: string;
  /** Takes everything there is now, each time that something changed. */
  readonly onUpdate: (groups: readonly TargetGroup[]) => void;
  /** Takes what went wrong; what was handed to `onUpdate` last stays good. */
  readonly onFailure: (error: GorewindError) => void;
}
