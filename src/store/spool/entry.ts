import { decodeManifest, MANIFEST_NAME, type Manifest } from "../../capture/manifest.ts";
import type { Files } from "../files.ts";
import { serviceOf } from "../keys.ts";
import { isManual, worstSeverity } from "../severity.ts";

/** A capture that is on the spool's disk, whole. What is kept in memory of it is small: thousands may wait. */
export interface SpoolEntry {
  readonly id: string;
  readonly service: string;
  /** ISO 8601. */
  readonly created: string;
  readonly severity: string;
  readonly manual: boolean;
  /** Of all its files and the manifest. */
  readonly bytes: number;
  /** Where it lies. */
  readonly folder: string;
}

export function entryOf(manifest: Manifest, folder: string, manifestBytes: number): SpoolEntry {
  return {
    id: manifest.id,
    service: serviceOf(manifest),
    created: manifest.created,
    severity: worstSeverity(manifest),
    manual: isManual(manifest),
    bytes: manifest.files.reduce((sum, file) => sum + file.bytes, manifestBytes),
    folder,
  };
}

export type FoundCapture =
  | { readonly kind: "whole"; readonly entry: SpoolEntry }
  | { readonly kind: "incomplete" }
  | { readonly kind: "damaged"; readonly problem: string };

/**
 * What a folder of the spool holds, by its manifest and the sizes of its files. Checksums are looked at before the
 * upload, not here: a start must not read gigabytes.
 */
export async function inspect(files: Files, folder: string, id: string): Promise<FoundCapture> {
  const path = `${folder}/${MANIFEST_NAME}`;
  const found = await files.stat(path);
  if (found === undefined) return { kind: "incomplete" };
  // A read that fails is no damage: it fails the start, and the next one may succeed.
  const text = Buffer.from(await files.read(path)).toString("utf8");
  let manifest: Manifest;
  try {
    manifest = decodeManifest(text);
  } catch {
    return { kind: "damaged", problem: "its manifest cannot be read" };
  }
  if (manifest.id !== id) return { kind: "damaged", problem: `its manifest is that of ${manifest.id}` };
  for (const file of manifest.files) {
    const size = (await files.stat(`${folder}/${file.name}`))?.bytes;
    if (size !== file.bytes) {
      return { kind: "damaged", problem: `${file.name} has ${size ?? "no"} bytes, not ${file.bytes}` };
    }
  }
  return { kind: "whole", entry: entryOf(manifest, folder, found.bytes) };
}
