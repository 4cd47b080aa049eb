import { createHash } from "node:crypto";
import type { CaptureFile, CaptureReason, Manifest } from "../../../src/capture/manifest.ts";
import type { Spool } from "../../../src/store/spool/spool.ts";

export interface CaptureShape {
  readonly id: string;
  readonly service?: string;
  readonly created?: string;
  readonly rule?: string;
  readonly kind?: CaptureReason["kind"];
  readonly severity?: string;
  readonly value?: number;
  /** Name and content of each file. */
  readonly files: Readonly<Record<string, Uint8Array>>;
}

/** Bytes that are the same for the same seed and do not compress to nothing. */
export function seededBytes(length: number, seed: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(length);
  let state = (seed * 2_654_435_761 + 1) >>> 0;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

export function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function idOf(n: number): string {
  return `20260311t142502123-${String(n).padStart(13, "0")}`;
}

export function manifestOf(shape: CaptureShape, files: readonly CaptureFile[]): Manifest {
  const { id, service = "checkout", created = "2026-03-11T14:25:02.123Z", severity = "warning" } = shape;
  const { rule = "slow", kind = "rule", value = 0.08 } = shape;
  const labels = { service };
  return {
    version: 1,
    id,
    created,
    target: { name: `${service}-0`, job: service, address: "127.0.0.1:6060", labels },
    reasons: [{ rule, kind, severity, at: created, value, message: "a request took long" }],
    agent: { version: "0.1.0", host: "test", config_hash: "0" },
    files: [...files],
    omitted: [],
  };
}

/** Puts a capture into the spool as the agent does. */
export async function spoolCapture(spool: Spool, shape: CaptureShape): Promise<Manifest> {
  const writer = await spool.begin(shape.id);
  try {
    const files: CaptureFile[] = [];
    for (const [name, content] of Object.entries(shape.files)) {
      files.push(await writer.addFile(name, contentTypeOf(name), [content]));
    }
    const manifest = manifestOf(shape, files);
    await writer.commit(manifest);
    return manifest;
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

export function contentTypeOf(name: string): string {
  return name.endsWith(".gz") ? "application/gzip" : "application/octet-stream";
}

export async function bytesOf(body: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
