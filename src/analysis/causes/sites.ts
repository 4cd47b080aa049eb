/** Which function of the program a stack is about: the first that is neither plumbing nor client library. Told once a stack. */

import { isPlumbing, packageOf, siteOf } from "../functions.ts";
import { Names } from "../names.ts";
import type { StackPool } from "../stacks.ts";

/** Functions told apart. */
const MAX_SITES = 1 << 16;

/** Packages that others call other services through: whoever calls them is told, unless there is nobody else. */
const LIBRARIES = /^(net\/http|golang\.org\/x\/net|google\.golang\.org\/grpc|database\/sql)($|\/)/;

function programSite(names: readonly string[]): string {
  const own = names.filter((name) => !LIBRARIES.test(packageOf(name)));
  const site = siteOf(own);
  // All that is left may be plumbing: then the library says more.
  return site !== undefined && !isPlumbing(site) ? site : (siteOf(names) ?? "");
}

export class Sites {
  /** Number 0 is "", no stack. */
  readonly names = new Names(MAX_SITES, "(other functions)", [""]);
  /** Number + 1 by stack. */
  #ofStack = new Int32Array(512);

  of(stack: number, stacks: StackPool): number {
    if (stack === 0) return 0;
    if (stack >= this.#ofStack.length) {
      const wider = new Int32Array(stack * 2);
      wider.set(this.#ofStack);
      this.#ofStack = wider;
    }
    const known = this.#ofStack[stack]!;
    if (known !== 0) return known - 1;
    const site = this.names.id(programSite(stacks.resolve(stack).map(({ func }) => func)));
    this.#ofStack[stack] = site + 1;
    return site;
  }
}

/** A frame of a stack that is told. */
export interface ToldFrame {
  readonly func: string;
  readonly file: string;
  readonly line: number;
}

/** Frames of a stack that is told, at most. */
const MAX_FRAMES = 32;

/** A stack for a result, leaf first. */
export function told(stack: number, stacks: StackPool): ToldFrame[] {
  return stacks
    .resolve(stack)
    .slice(0, MAX_FRAMES)
    .map(({ func, file, line }) => ({ func, file, line }));
}
