/** One bit for each row: that there is more to an event than its bytes say. */

/**
 * The marks of a trace. What one means depends on the event: a GoSysCall blocks, a GoUnblock is of a network wait, a
 * GoSysExit is told at its real time and not where it was recorded.
 */
export class Marks {
  private readonly bits: Uint8Array;

  constructor(rows: number) {
    this.bits = new Uint8Array((rows + 7) >>> 3);
  }

  set(row: number): void {
    this.bits[row >>> 3] = this.bits[row >>> 3]! | (1 << (row & 7));
  }

  has(row: number): boolean {
    return ((this.bits[row >>> 3]! >>> (row & 7)) & 1) === 1;
  }
}
