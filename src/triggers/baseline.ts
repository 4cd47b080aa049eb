/**
 * What is normal for one series, learned as it comes: the median and spread of its last half hour, a moving average
 * with its band, and the same for each hour of the day.
 *
 * All is done on a scale that is linear for values small against the least effect that matters and logarithmic for
 * large ones: latencies vary by factors, and a factor of nothing is nothing.
 */

import { quantile } from "./aggregate.ts";

/** Values kept for the median; with `SPACING_MS` the last half hour. */
const RECENT = 600;
const SPACING_MS = 3000;
/** The median and spread are found anew after so many new values: they hardly move in between. */
const REFRESH_EVERY = 10;
/** Half-life of the moving average. */
const EWMA_HALF_LIFE_MS = 300_000;
/** A value further out than this many deviations moves the average no more than one that is just there. */
const CLIP = 3;
/** Weight of the newest day in an hour's profile. */
const DAY_WEIGHT = 0.3;
const MIN_SAMPLES_AN_HOUR = 100;
const HOUR_MS = 3_600_000;
/** The median absolute deviation of a normal distribution is this part of its standard deviation. */
const MAD_OF_SIGMA = 0.674_49;

export interface Band {
  readonly center: number;
  /** A standard deviation, robustly. */
  readonly spread: number;
}

interface HourProfile {
  center: number;
  spread: number;
  days: number;
}

/** As it is kept over a restart. */
export interface BaselineState {
  readonly recent: readonly number[];
  readonly learned_ms: number;
  readonly last: number;
  readonly ewma: readonly [mean: number, variance: number];
  /** Hour of the day (UTC) → center, spread, days seen. */
  readonly hours: readonly (readonly [hour: number, center: number, spread: number, days: number])[];
}

/** A smaller spread is taken for this one: a series that hardly moves would be unusual at every step. */
const MIN_SPREAD = 0.02;

export class Baseline {
  /** The least effect that matters, in the signal's unit. */
  readonly #scale: number;
  readonly #recent = new Float64Array(RECENT);
  readonly #scratch = new Float64Array(RECENT);
  #count = 0;
  #next = 0;
  #sinceRefresh = 0;
  #robust: Band = { center: 0, spread: MIN_SPREAD };
  #lastKept = Number.NEGATIVE_INFINITY;
  #last: number | undefined;
  #learned = 0;
  #mean = 0;
  #variance = 0;
  readonly #hours = new Map<number, HourProfile>();
  #hour: number | undefined;
  #hourValues: number[] = [];
  #lastHourKept: number | undefined;

  constructor(minEffect: number) {
    this.#scale = minEffect;
  }

  /** From the signal's unit onto the scale on which deviations are measured, and back. */
  toScale(value: number): number {
    return Math.sign(value) * Math.log1p(Math.abs(value) / this.#scale);
  }

  fromScale(scaled: number): number {
    return Math.sign(scaled) * Math.expm1(Math.abs(scaled)) * this.#scale;
  }

  /** For how long it has learned: gaps do not count. */
  get learned(): number {
    return this.#learned;
  }

  get lastLearned(): number {
    return this.#last ?? 0;
  }

  /** Median and spread of the recent past, on the scale. */
  get robust(): Band {
    return this.#robust;
  }

  get moving(): Band {
    return { center: this.#mean, spread: Math.max(MIN_SPREAD, Math.sqrt(this.#variance)) };
  }

  /** Of this hour on other days; undefined with fewer than two of them. */
  seasonal(at: number): Band | undefined {
    const profile = this.#hours.get(hourOf(at));
    return profile !== undefined && profile.days >= 2 ? profile : undefined;
  }

  /** Each value once: one not newer than the last is left out. */
  learn(value: number, at: number): void {
    if (this.#last !== undefined && at <= this.#last) return;
    const scaled = this.toScale(value);
    const elapsed = this.#last === undefined ? 0 : Math.min(at - this.#last, 60_000);
    this.#learned += elapsed;
    this.#last = at;
    this.#learnAverage(scaled, elapsed);
    this.#learnHour(scaled, at);
    if (at - this.#lastKept < SPACING_MS && this.#count > 0) return;
    this.#lastKept = at;
    this.#recent[this.#next] = scaled;
    this.#next = (this.#next + 1) % RECENT;
    this.#count = Math.min(RECENT, this.#count + 1);
    if (++this.#sinceRefresh >= REFRESH_EVERY || this.#count < REFRESH_EVERY) this.#refresh();
  }

  export(): BaselineState {
    const from = this.#count < RECENT ? 0 : this.#next;
    const recent = Array.from({ length: this.#count }, (_, i) =>
      round(this.#recent[(from + i) % RECENT] ?? 0),
    );
    return {
      recent,
      learned_ms: Math.round(this.#learned),
      last: this.#last ?? 0,
      ewma: [round(this.#mean), round(this.#variance)],
      hours: [...this.#hours].map(([hour, { center, spread, days }]) => [
        hour,
        round(center),
        round(spread),
        days,
      ]),
    };
  }

  import(state: BaselineState): void {
    for (const value of state.recent.slice(-RECENT)) {
      this.#recent[this.#next] = value;
      this.#next = (this.#next + 1) % RECENT;
      this.#count = Math.min(RECENT, this.#count + 1);
    }
    this.#learned = state.learned_ms;
    this.#last = state.last === 0 ? undefined : state.last;
    [this.#mean, this.#variance] = state.ewma;
    for (const [hour, center, spread, days] of state.hours) this.#hours.set(hour, { center, spread, days });
    if (this.#count > 0) this.#refresh();
  }

  #learnAverage(scaled: number, elapsed: number): void {
    if (elapsed === 0) {
      // The first value, or one after an import without any.
      if (this.#learned === 0) this.#mean = scaled;
      return;
    }
    // Until a half-life is learned every value weighs the same; the average is then no echo of the first value.
    const alpha =
      1 - 0.5 ** (elapsed / Math.min(EWMA_HALF_LIFE_MS, Math.max(elapsed, this.#learned * Math.LN2)));
    const isSettled = this.#learned > 60_000;
    const limit = CLIP * Math.max(MIN_SPREAD, Math.sqrt(this.#variance));
    const raw = scaled - this.#mean;
    const innovation = isSettled ? Math.max(-limit, Math.min(limit, raw)) : raw;
    this.#mean += alpha * innovation;
    this.#variance = (1 - alpha) * (this.#variance + alpha * innovation * innovation);
  }

  #learnHour(scaled: number, at: number): void {
    const hour = Math.floor(at / HOUR_MS);
    if (this.#hour !== undefined && hour !== this.#hour) this.#closeHour(this.#hour % 24);
    this.#hour = hour;
    // A fixed share of the hour's values is enough for its median; the list stays bounded.
    if (
      this.#hourValues.length < 2 * RECENT &&
      Math.floor(at / SPACING_MS) !== Math.floor((this.#lastHourKept ?? 0) / SPACING_MS)
    ) {
      this.#hourValues.push(scaled);
      this.#lastHourKept = at;
    }
  }

  #closeHour(hour: number): void {
    const values = Float64Array.from(this.#hourValues);
    this.#hourValues = [];
    if (values.length < MIN_SAMPLES_AN_HOUR) return;
    const { center, spread } = bandOf(values, values.length);
    const known = this.#hours.get(hour);
    if (known === undefined) {
      this.#hours.set(hour, { center, spread, days: 1 });
      return;
    }
    known.center += DAY_WEIGHT * (center - known.center);
    known.spread += DAY_WEIGHT * (Math.max(spread, Math.abs(center - known.center)) - known.spread);
    known.days++;
  }

  #refresh(): void {
    this.#sinceRefresh = 0;
    this.#scratch.set(this.#recent.subarray(0, this.#count));
    this.#robust = bandOf(this.#scratch, this.#count);
  }
}

/** Median and median absolute deviation of the first `count` values, which it overwrites. */
function bandOf(values: Float64Array, count: number): Band {
  const used = values.subarray(0, count);
  const center = quantile(used, 0.5);
  for (let i = 0; i < count; i++) used[i] = Math.abs((used[i] ?? 0) - center);
  return { center, spread: Math.max(MIN_SPREAD, quantile(used, 0.5) / MAD_OF_SIGMA) };
}

function hourOf(at: number): number {
  return Math.floor(at / HOUR_MS) % 24;
}

function round(value: number): number {
  return Number(value.toPrecision(6));
}
