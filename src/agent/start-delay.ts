import { createHash } from "node:crypto";
import { milliseconds, type Milliseconds } from "../base/units.ts";

const SPREAD_EACH = 25;
const SPREAD_MOST = 5000;

/**
 * When a target's stream begins, counted from now: a moment of its own within the spread, the same in every run, so that
 * neither the agent nor its targets begin everything at once.
 *
 * @param configured the spread; undefined: by how many begin.
 * @param together how many targets begin.
 */
export function startDelay(
  target: string,
  configured: Milliseconds | undefined,
  together: number,
): Milliseconds {
  const spread = configured ?? (together === 1 ? 0 : Math.min(SPREAD_MOST, together * SPREAD_EACH));
  const fraction = createHash("md5").update(target).digest().readUInt32BE() / 2 ** 32;
  return milliseconds(Math.floor(spread * fraction));
}
