/** Tasks that have begun and not ended, across generations. */

import { IdSlots, widened } from "./id-slots.ts";
import type { SignalsMemory } from "./kernel/memory.ts";

export class OpenTasks {
  readonly #slots: IdSlots;
  /** By slot: relative ns of the begin, number of the name. */
  #began = new Float64Array(0);
  #name = new Int32Array(0);
  dropped = 0;

  constructor(memory: SignalsMemory, limit: number) {
    this.#slots = new IdSlots(memory, limit, (capacity) => {
      this.#began = widened(this.#began, capacity);
      this.#name = widened(this.#name, capacity);
    });
  }

  get count(): number {
    return this.#slots.count;
  }

  begin(task: number, name: number, time: number): void {
    if (this.#slots.find(task) >= 0) return;
    const slot = this.#slots.insert(task);
    if (slot < 0) {
      this.dropped++;
      return;
    }
    this.#began[slot] = time;
    this.#name[slot] = name;
  }

  /** When the task began; NaN if that was not seen. */
  end(task: number): number {
    const slot = this.#slots.find(task);
    if (slot < 0) return Number.NaN;
    this.#slots.remove(slot);
    return this.#began[slot]!;
  }

  /** Calls `use` with each open task's name and begin. */
  forEach(use: (name: number, began: number) => void): void {
    const { ids, used } = this.#slots;
    for (let slot = 0; slot < used; slot++) if (ids[slot] !== -1) use(this.#name[slot]!, this.#began[slot]!);
  }

  renumber(names: Int32Array): void {
    for (let slot = 0; slot < this.#slots.used; slot++) this.#name[slot] = names[this.#name[slot]!] ?? 0;
  }

  clear(): void {
    this.#slots.clear();
  }
}
