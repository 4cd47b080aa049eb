/** A condition as YAML has it, after the schema's checks: what is optional is absent, durations are read. */

import type { Milliseconds } from "../base/units.ts";
import type { Direction } from "./rule.ts";

export type RawThreshold = string | number;
export type RawLabels = Readonly<Record<string, string | readonly string[]>>;

export interface RawChange {
  readonly over?: Milliseconds | undefined;
  readonly min?: RawThreshold | undefined;
  readonly by?: RawThreshold | undefined;
  readonly abs?: RawThreshold | undefined;
}

export interface RawHighWater {
  readonly decay?: Milliseconds | undefined;
  readonly min?: RawThreshold | undefined;
  readonly by?: RawThreshold | undefined;
}

export interface RawAnomaly {
  readonly method?: "mad" | "ewma" | "both" | undefined;
  readonly direction?: Direction | "both" | undefined;
  readonly sensitivity?: number | undefined;
  readonly warm_up?: Milliseconds | undefined;
  readonly min_effect?: RawThreshold | undefined;
  readonly consecutive?: number | undefined;
  readonly seasonal?: boolean | undefined;
}

export interface RawQuery {
  readonly signal?: string | undefined;
  readonly labels?: RawLabels | undefined;
  readonly aggregate?: string | undefined;
  readonly window?: Milliseconds | undefined;
  readonly min_samples?: number | undefined;
  readonly across?: "max" | "min" | "sum" | "mean" | undefined;
}

export interface RawCondition extends RawQuery {
  readonly above?: RawThreshold | undefined;
  readonly below?: RawThreshold | undefined;
  readonly clear_above?: RawThreshold | undefined;
  readonly clear_below?: RawThreshold | undefined;
  readonly min_count?: number | undefined;
  readonly breach_ratio?: RawThreshold | undefined;
  readonly change?: RawChange | undefined;
  readonly high_water?: RawHighWater | undefined;
  readonly absent_for?: Milliseconds | undefined;
  readonly anomaly?: RawAnomaly | undefined;
  readonly expr?: string | undefined;
  readonly let?: Readonly<Record<string, RawQuery>> | undefined;
  readonly all?: readonly RawCondition[] | undefined;
  readonly any?: readonly RawCondition[] | undefined;
  readonly not?: RawCondition | undefined;
}

export type Path = readonly (string | number)[];
/** Told of everything that is wrong. */
export type Report = (path: Path, message: string) => void;
