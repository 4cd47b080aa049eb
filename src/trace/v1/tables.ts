/** The strings and stacks of a v1 trace, as the tables of a generation. */

import { StackTable } from "../tables/stacks.ts";
import { StringTable } from "../tables/strings.ts";
import { V1Cursor } from "./cursor.ts";
import { IdTable } from "./ids.ts";

declare const TextDecoder: new (
  label: string,
  options: { ignoreBOM: boolean },
) => { decode(bytes: Uint8Array): string };
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Values of a frame on the wire: pc, function, file, line. */
export const FRAME_VALUES = 4;
const TWO_32 = 0x1_0000_0000;

/** Where strings and stacks are in the file, until all are known. */
export class V1Tables {
  readonly strings = new StringTable();
  private readonly stackIds = new IdTable();
  private readonly stackOffsets: number[] = [];

  addString(id: number, start: number, length: number): void {
    this.strings.push(id, start, length);
  }

  /** Of two stacks with one id the last is meant, as in the reference. */
  addStack(id: number, offset: number): void {
    this.stackOffsets[this.stackIds.numberOf(id)] = offset;
  }

  /** All are known. A frame's string that is not there reads as "". */
  seal(bytes: Uint8Array): StackTable {
    const { strings } = this;
    strings.seal(bytes);
    const stacks = new StackTable();
    const cursor = new V1Cursor(bytes);
    const { args } = cursor;
    const known = (id: number) => (strings.find(id) > 0 ? id : 0);
    for (const [n, offset] of this.stackOffsets.entries()) {
      cursor.pos = offset;
      const count = cursor.event();
      for (let i = 2; i < count; i += FRAME_VALUES) {
        const pc = args[i]!;
        stacks.pushFrame(
          pc >>> 0,
          Math.floor(pc / TWO_32) >>> 0,
          known(args[i + 1]!),
          known(args[i + 2]!),
          args[i + 3]!,
        );
      }
      stacks.endStack(this.stackIds.ids[n]!);
    }
    stacks.seal(strings);
    return stacks;
  }
}

/** The message of a user log, which is in the event itself. */
export function messageOf(bytes: Uint8Array): string {
  return utf8.decode(bytes);
}
