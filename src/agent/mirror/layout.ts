/**
 * How mirrored rings lie on the disk:
 *
 * ```
 * <spool>/ring/<target>/target.json                          whose it is
 *                       <session>_<generation>_<from>_<to>_<crc>.trace
 * <spool>/left/<capture id>/…                                the same, of an agent that died; becomes that capture
 * ```
 *
 * Each file is the session's header and one generation: a whole trace. Its times are wall clock, in ms; the
 * CRC-32 is of all of it.
 */

import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";
import type { PrivacyPolicy } from "../../base/privacy.ts";
import { epochMilliseconds, type EpochMilliseconds } from "../../base/units.ts";
import type { RecordedGeneration } from "../../ring/recording.ts";
import type { Target } from "../../scraper/target.ts";
import { safeSegment } from "../../store/keys.ts";

export const TARGET_NAME = "target.json";

export const ringFolder = (spool: string): string => `${spool}/ring`;
export const leftFolder = (spool: string): string => `${spool}/left`;

/** A target's folder: readable, and nobody else's. */
export function targetFolder(target: string): string {
  return `${safeSegment(target)}-${createHash("sha256").update(target).digest("hex").slice(0, 8)}`;
}

/** `target.json`. */
export interface MirroredTarget {
  readonly version: 1;
  readonly target: Pick<Target, "name" | "job" | "address" | "labels">;
  readonly go_version?: string;
  /** When a dead agent's ring of this target was last made a capture, ms since the epoch. */
  readonly recovered?: number;
  /** What was made anonymous before it came here. */
  readonly privacy?: PrivacyPolicy;
}

export interface MirroredGeneration {
  readonly session: string;
  readonly number: number;
  readonly wallStart: EpochMilliseconds;
  readonly wallEnd: EpochMilliseconds;
  readonly crc: string;
}

/** What a generation's file is called, but for its checksum. */
export function generationKey(session: string, generation: RecordedGeneration): string {
  const { number, wallStart, wallEnd } = generation;
  return `${session}_${number}_${Math.round(wallStart)}_${Math.round(wallEnd)}`;
}

export function generationFile(key: string, chunks: readonly Uint8Array[]): string {
  return `${key}_${checksum(chunks)}.trace`;
}

export function checksum(chunks: readonly Uint8Array[]): string {
  return chunks
    .reduce((crc, chunk) => crc32(chunk, crc), 0)
    .toString(16)
    .padStart(8, "0");
}

/** Undefined for what is no mirrored generation, such as one that was being written. */
export function parseGenerationFile(name: string): MirroredGeneration | undefined {
  const match = /^([0-9a-z-]+)_(\d+)_(\d+)_(\d+)_([0-9a-f]{8})\.trace$/.exec(name);
  if (match === null) return undefined;
  const [, session = "", number, from, to, crc = ""] = match;
  return {
    session,
    number: Number(number),
    wallStart: epochMilliseconds(Number(from)),
    wallEnd: epochMilliseconds(Number(to)),
    crc,
  };
}
