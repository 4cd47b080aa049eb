/**
 * The series of one distribution in one interval, by label set. Beyond the limit on label sets, values go on being
 * counted under `(other)`: an extreme value is never lost with its label.
 */

import { OTHER } from "./names.ts";
import type { Labels, Observation } from "./signal.ts";
import { ValueSample } from "./value-sample.ts";

export class SeriesSet {
  readonly signal: string;
  readonly #limit: number;
  readonly #valueLimit: number;
  readonly #labelNames: readonly string[];
  readonly #byKey = new Map<string, number>();
  readonly #labels: Labels[] = [];
  /** Kept from one interval to the next for their buffers; only the first `#labels.length` are in use. */
  readonly #samples: ValueSample[] = [];
  /** Label sets that were put under `(other)`, and values that were counted but not kept. */
  droppedLabelSets = 0;
  droppedValues = 0;

  constructor(signal: string, labelNames: readonly string[], limit: number, valueLimit: number) {
    this.signal = signal;
    this.#labelNames = labelNames;
    this.#limit = limit;
    this.#valueLimit = valueLimit;
  }

  /**
   * Number of the series of these label values, valid until `drain`. At the limit the last label becomes `(other)`,
   * then all of them.
   */
  index(...values: readonly string[]): number {
    const key = values.length === 1 ? values[0]! : values.join("\u0000");
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    if (this.#labels.length >= this.#limit && values.some((value) => value !== OTHER)) {
      this.droppedLabelSets++;
      const rest = [...values.slice(0, -1), OTHER];
      // Twice the limit holds one `(other)` for each value of the first labels; beyond it there is a single one.
      if (this.#labels.length < this.#limit * 2 && values.length > 1 && values.at(-1) !== OTHER) {
        return this.index(...rest);
      }
      return this.#add(values.map(() => OTHER));
    }
    return this.#add(values);
  }

  sample(index: number): ValueSample {
    return this.#samples[index]!;
  }

  push(index: number, value: number, time: number): void {
    this.#samples[index]!.push(value, time);
  }

  /**
   * The observations of all series that have values; the set is empty then.
   * @param scale from the values pushed to the signal's base unit.
   * @param wallOf wall clock of a relative time; undefined: all values are of the interval's end.
   */
  drain(into: Observation[], scale: number, wallOf?: (relativeNs: number) => number): void {
    for (const [i, labels] of this.#labels.entries()) {
      const { values, times, total } = this.#samples[i]!.drain();
      if (total === 0) continue;
      this.droppedValues += total - values.length;
      if (scale !== 1) for (let k = 0; k < values.length; k++) values[k] = values[k]! * scale;
      if (wallOf !== undefined) for (let k = 0; k < times.length; k++) times[k] = wallOf(times[k]!);
      into.push({
        signal: this.signal,
        labels,
        values,
        ...(wallOf === undefined ? {} : { times }),
        ...(total === values.length ? {} : { total }),
      });
    }
    this.#samples.length = Math.min(this.#samples.length, this.#labels.length);
    this.#labels.length = 0;
    this.#byKey.clear();
  }

  #add(values: readonly string[]): number {
    const key = values.join("\u0000");
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const index = this.#labels.length;
    this.#byKey.set(key, index);
    this.#labels.push(Object.fromEntries(this.#labelNames.map((name, i) => [name, values[i] ?? ""])));
    if (index === this.#samples.length) this.#samples.push(new ValueSample(this.#valueLimit));
    return index;
  }
}
