import { bytes, milliseconds, type EpochMilliseconds } from "../../base/units.ts";
import type { RecordedSession } from "../../ring/recording.ts";
import { SealedGeneration } from "../../ring/sealed.ts";
import { SessionRing } from "../../ring/session.ts";
import type { Files } from "../../store/files.ts";
import { captureId } from "../../store/id.ts";
import {
  checksum,
  leftFolder,
  parseGenerationFile,
  ringFolder,
  TARGET_NAME,
  type MirroredGeneration,
  type MirroredTarget,
} from "./layout.ts";

/** What an agent that died held of one target. */
export interface LeftRing {
  readonly of: MirroredTarget;
  /** Oldest first. */
  readonly sessions: readonly RecordedSession[];
  readonly bytes: number;
  /** Files that hold no whole generation, such as those that a power cut tore. */
  readonly damaged: number;
  readonly damagedBytes: number;
}

/** A dead agent's rings of one target become at most one capture in this time: it may die again and again. */
export const RECOVER_EVERY_MS = 600_000;

export interface TakenRings {
  /** When each target's ring was last made a capture, ms since the epoch. */
  readonly recovered: ReadonlyMap<string, number>;
  /** Targets whose ring was thrown away, since one was taken shortly before. */
  readonly tooSoon: readonly string[];
}

/**
 * Moves what an agent that died left in `ring/` out of the way of this one's, to `left/<id>`, where `id` is that of the
 * capture it becomes: made now, so that it is the same capture however often the agent dies over it.
 */
export async function takeRings(
  files: Files,
  spool: string,
  now: EpochMilliseconds,
  random: () => number,
): Promise<TakenRings> {
  const [ring, left] = [ringFolder(spool), leftFolder(spool)];
  const recovered = new Map<string, number>();
  const tooSoon: string[] = [];
  await files.makeFolder(left);
  for (const name of await namesIn(files, ring)) {
    const folder = `${ring}/${name}`;
    const of = await readTarget(files, folder);
    const last = of?.recovered;
    if (of !== undefined && last !== undefined && now >= last && now - last < RECOVER_EVERY_MS) {
      recovered.set(of.target.name, last);
      tooSoon.push(of.target.name);
      await files.remove(folder);
      continue;
    }
    if (of !== undefined) recovered.set(of.target.name, now);
    await files.rename(folder, `${left}/${captureId(now, random)}`);
  }
  return { recovered, tooSoon };
}

/** Rings that cannot be made captures of are kept for so many targets, the newest. */
const MAX_LEFT = 256;

/** The ids of the captures that are to be made of what was left, oldest first. */
export async function leftRings(files: Files, spool: string): Promise<readonly string[]> {
  const ids = (await namesIn(files, leftFolder(spool))).filter((id) => /^[0-9a-z-]{10,64}$/.test(id));
  ids.sort();
  for (const id of ids.splice(0, Math.max(0, ids.length - MAX_LEFT)))
    await files.remove(`${leftFolder(spool)}/${id}`);
  return ids;
}

/** Reads one. Undefined: there is no whole generation in it. */
export async function readLeft(files: Files, folder: string): Promise<LeftRing | undefined> {
  const of = await readTarget(files, folder);
  if (of === undefined) return undefined;
  const found: { readonly name: string; readonly at: MirroredGeneration }[] = [];
  for (const name of await namesIn(files, folder)) {
    const at = parseGenerationFile(name);
    if (at !== undefined) found.push({ name, at });
  }
  found.sort((a, b) => a.at.wallStart - b.at.wallStart || a.at.number - b.at.number);
  const sessions: RecordedSession[] = [];
  let [size, damaged, damagedBytes] = [0, 0, 0];
  for (const { name, at } of found) {
    const file = await files.read(`${folder}/${name}`);
    const read = readGeneration(file, at);
    if (read === undefined) {
      damaged++;
      damagedBytes += file.byteLength;
      continue;
    }
    size += read.generations.reduce((sum, generation) => sum + generation.byteLength, 0);
    const last = sessions.at(-1);
    if (last !== undefined && follows(last, read)) {
      sessions[sessions.length - 1] = { ...last, generations: [...last.generations, ...read.generations] };
    } else sessions.push(read);
  }
  return sessions.length === 0 ? undefined : { of, sessions, bytes: size, damaged, damagedBytes };
}

/** A file of the mirror as a session of one generation, or undefined when it is not what its name says. */
function readGeneration(file: Uint8Array, at: MirroredGeneration): RecordedSession | undefined {
  // A power cut may have left any part of it; where a trace of before Go 1.26 ends, only this tells.
  if (checksum([file]) !== at.crc) return undefined;
  const ring = new SessionRing({
    id: at.session,
    limits: { minAge: milliseconds(0), maxBytes: bytes(file.byteLength) },
    maxGenerationBytes: file.byteLength,
  });
  try {
    ring.push(file, at.wallEnd);
    ring.end(at.wallEnd);
  } catch {
    return undefined;
  }
  ring.close();
  const recorded = ring.recorded();
  const [generation, ...more] = recorded?.generations ?? [];
  if (recorded === undefined || generation === undefined || more.length > 0) return undefined;
  if (generation.number !== at.number || ring.openBytes > 0) return undefined;
  const { wallStart, wallEnd } = at;
  const { number, bytes: held, startNs, endNs } = generation;
  const placed = new SealedGeneration(number, held.slice(), { startNs, endNs, wallStart, wallEnd });
  return { ...recorded, generations: [placed] };
}

/** Whether a trace may go on with it: a missing generation in between ends a trace. */
function follows(before: RecordedSession, next: RecordedSession): boolean {
  const last = before.generations.at(-1)?.number ?? -1;
  return before.id === next.id && next.generations[0]?.number === last + 1;
}

async function readTarget(files: Files, folder: string): Promise<MirroredTarget | undefined> {
  try {
    const text = Buffer.from(await files.read(`${folder}/${TARGET_NAME}`)).toString("utf8");
    const of = JSON.parse(text) as MirroredTarget;
    return of.version === 1 && typeof of.target.name === "string" ? of : undefined;
  } catch {
    // Torn, or not written yet: nobody knows whose the generations are.
    return undefined;
  }
}

async function namesIn(files: Files, folder: string): Promise<readonly string[]> {
  return (await files.stat(folder))?.kind === "folder" ? await files.list(folder) : [];
}
