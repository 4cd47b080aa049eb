import { createHash } from "node:crypto";
import type { Files } from "./files.ts";

const READ_BYTES = 1024 * 1024;

/** SHA-256 of a file, read a piece at a time. */
export async function sha256OfFile(files: Files, path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for (let offset = 0; ;) {
    signal.throwIfAborted();
    const piece = await files.readRange(path, offset, READ_BYTES);
    hash.update(piece);
    offset += piece.byteLength;
    if (piece.byteLength < READ_BYTES) return hash.digest("hex");
  }
}
