/**
 * The series of one distribution in one interval, by label set. Beyond the limit on label sets, values go on being
 * counted under `(other)`: an extreme value is never lost with its label.
 */

import { OTHER } from "./names.ts";
import type { Labels, Observation } from "./signal.ts";
import { ValueSample } from "./value-sample.ts";

export class SeriesSet {
  readonly signal: string;
  /** None, one or two. */
  readonly #labelNames: readonly string[];
  readonly #limit: number;
  readonly #valueLimit: number;
  readonly #byKey = new Map<string, number>();
  readonly #labels: Labels[] = [];
  /** Kept from one interval to the next for their buffers; only the first `#labels.length` are in use. */
  readonly #samples: ValueSample[] = [];
  /** Lookups that were answered with `(other)`, and values that were counted but not kept. */
  droppedLabelSets = 0;
  droppedValues = 0;

  constructor(signal: string, labelNames: readonly string[], limit: number, valueLimit: number) {
    this.signal = signal;
    this.#labelNames = labelNames;
    this.#limit = limit;
    this.#valueLimit = valueLimit;
  }

  /** Whether a new label set would go under `(other)`. */
  get isFull(): boolean {
    return this.#labels.length >= this.#limit;
  }

  /**
   * Number of the series of these label values, valid until `drain`. At the limit the last label becomes `(other)`; at
   * twice the limit, which hold an `(other)` for each value of the first label, both.
   */
  index(first = "", second = ""): number {
    const known = this.#byKey.get(keyOf(first, second));
    if (known !== undefined) return known;
    if (!this.isFull || this.#labelNames.length === 0) return this.#add(first, second);
    this.droppedLabelSets++;
    return this.other(first);
  }

  /** Number of the series for what is beyond the limit. `first`: the first of two labels. */
  other(first: string): number {
    const hasTwo = this.#labelNames.length > 1;
    if (!hasTwo) return this.#byKey.get(keyOf(OTHER, "")) ?? this.#add(OTHER, "");
    const known = this.#byKey.get(keyOf(first, OTHER));
    if (known !== undefined) return known;
    if (this.#labels.length < this.#limit * 2) return this.#add(first, OTHER);
    return this.#byKey.get(keyOf(OTHER, OTHER)) ?? this.#add(OTHER, OTHER);
  }

  sample(index: number): ValueSample {
    return this.#samples[index]!;
  }

  push(index: number, value: number, time: number): void {
    this.#samples[index]!.push(value, time);
  }

  /** Values kept of all series. */
  get kept(): number {
    let kept = 0;
    for (let i = 0; i < this.#labels.length; i++) kept += this.#samples[i]!.kept;
    return kept;
  }

  /**
   * The observations of all series that have values; the set is empty then.
   * @param room for twice `kept` numbers, of which the observations are views.
   * @param scale from the values pushed to the signal's base unit.
   * @param wallOf wall clock of a relative time; undefined: all values are of the interval's end.
   * @returns how much of `room` was used.
   */
  drain(
    into: Observation[],
    room: Float64Array,
    scale: number,
    wallOf?: (relativeNs: number) => number,
  ): number {
    let used = 0;
    for (const [i, labels] of this.#labels.entries()) {
      const sample = this.#samples[i]!;
      const { kept, total } = sample;
      const timesAt = used + kept;
      const length = sample.drainTo(room.subarray(used), wallOf && room.subarray(timesAt));
      if (total === 0) continue;
      this.droppedValues += total - length;
      const values = room.subarray(used, used + length);
      if (scale !== 1) for (let k = 0; k < length; k++) values[k] = values[k]! * scale;
      const times = wallOf && room.subarray(timesAt, timesAt + length);
      if (times !== undefined) for (let k = 0; k < length; k++) times[k] = wallOf!(times[k]!);
      used = times === undefined ? timesAt : timesAt + kept;
      into.push({
        signal: this.signal,
        labels,
        values,
        ...(times === undefined ? {} : { times }),
        ...(total === length ? {} : { total }),
      });
    }
    this.#samples.length = Math.min(this.#samples.length, this.#labels.length);
    this.#labels.length = 0;
    this.#byKey.clear();
    return used;
  }

  #add(first: string, second: string): number {
    const index = this.#labels.length;
    this.#byKey.set(keyOf(first, second), index);
    const [firstName, secondName] = this.#labelNames;
    this.#labels.push({
      ...(firstName === undefined ? {} : { [firstName]: first }),
      ...(secondName === undefined ? {} : { [secondName]: second }),
    });
    if (index === this.#samples.length) this.#samples.push(new ValueSample(this.#valueLimit));
    return index;
  }
}

const keyOf = (first: string, second: string): string => (second === "" ? first : `${first}\u0000${second}`);
