import { open } from "node:fs/promises";

/** Larger pieces mean fewer copies at the framing; this is where reading stops to get faster. */
const CHUNK = 1 << 20;

/**
 * A file's bytes, each piece in the same buffer as the one before: a stream would make a buffer for each, and the system
 * would have to find memory for it.
 */
export async function* chunksOf(path: string): AsyncGenerator<Uint8Array> {
  const file = await open(path);
  try {
    const buffer = new Uint8Array(CHUNK);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, CHUNK, null);
      if (bytesRead === 0) return;
      yield buffer.subarray(0, bytesRead);
    }
  } finally {
    await file.close();
  }
}
