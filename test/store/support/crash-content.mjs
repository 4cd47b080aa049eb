// What a capture of the crash loop holds follows from its id alone, so that the oracle can tell without being told.
import { createHash } from "node:crypto";

const MiB = 1024 * 1024;

/** @param {string} id */
function seedOf(id) {
  return createHash("sha256").update(id).digest().readUInt32LE(0);
}

/**
 * @param {string} id
 * @returns {string[]}
 */
export function filesOf(id) {
  return ["trace.out", "heap.pb.gz", "goroutine.pb.gz"].slice(0, 1 + (seedOf(id) % 3));
}

/**
 * One trace in twelve takes two or three parts.
 *
 * @param {string} id
 * @param {string} name
 * @returns {Uint8Array}
 */
export function contentOf(id, name) {
  const seed = seedOf(`${id}/${name}`);
  const large = name === "trace.out" && seedOf(id) % 12 === 0;
  const length = large ? 6 * MiB + (seed % (6 * MiB)) : 1 + (seed % 60_000);
  const block = createHash("sha512").update(String(seed)).digest();
  return Buffer.alloc(length, block);
}
