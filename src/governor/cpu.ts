/** How much CPU the service uses while it is traced, and while it is not, from readings of what it used in all. */
export class CpuByPhase {
  #last: { readonly seconds: number; readonly at: number; readonly tracing: boolean } | undefined;
  readonly #rates = { on: new Average(), off: new Average() };
  #rate: number | undefined;

  /**
   * @param seconds processor time since the process began.
   * @param at monotonic ms.
   * @param tracing whether it was traced all the time since the last reading, or never: undefined when it changed.
   */
  record(seconds: number, at: number, tracing: boolean | undefined): void {
    const last = this.#last;
    this.#last = { seconds, at, tracing: tracing ?? false };
    // A fall is a restart: another process.
    if (last === undefined || at <= last.at || seconds < last.seconds) return;
    const rate = (seconds - last.seconds) / ((at - last.at) / 1000);
    this.#rate = rate;
    if (tracing !== undefined) (tracing ? this.#rates.on : this.#rates.off).add(rate);
  }

  /** Cores in use at the last reading; undefined before there were two. */
  get rate(): number | undefined {
    return this.#rate;
  }

  /**
   * What tracing adds by the service's own figures, as a share of what it uses without: (on − off) ÷ off. Only as good as
   * its load is steady, so it is published and not acted upon.
   */
  get measuredOverhead(): number | undefined {
    const [on, off] = [this.#rates.on.value, this.#rates.off.value];
    return on === undefined || off === undefined || off <= 0 ? undefined : (on - off) / off;
  }
}

const MIN_READINGS = 2;
/** The weight of the newest reading: about the last ten count. */
const WEIGHT = 0.2;

class Average {
  #value = 0;
  #count = 0;

  add(value: number): void {
    this.#count++;
    this.#value += (value - this.#value) * Math.max(WEIGHT, 1 / this.#count);
  }

  get value(): number | undefined {
    return this.#count < MIN_READINGS ? undefined : this.#value;
  }
}
