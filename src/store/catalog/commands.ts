import { platform } from "node:os";
import { join } from "node:path";
import { MANIFEST_NAME, REPORT_NAME, TRACE_NAME, type Manifest } from "../../capture/manifest.ts";
import { AGE_SUFFIX, type Identities } from "../encryption.ts";
import type { IndexRow } from "../index/row.ts";
import type { Catalog } from "./catalog.ts";
import { diffManifests, type Difference } from "./diff.ts";
import { downloadCapture, type DownloadProgress } from "./download.ts";
import { noteChange } from "./reindex.ts";
import { SIGNATURE_NAME } from "../signature.ts";
import { signatureProblem, verifyCapture, type VerifiedFile } from "./verify.ts";

/** What `gorewind captures` does, one function a subcommand; printing is the command's own. */

export interface CaptureAt {
  readonly row: IndexRow;
  readonly manifest: Manifest;
  readonly prefix: string;
}

/** @param id or the unambiguous beginning or end of one. @throws {StoreError} `not_found`, `ambiguous`. */
export async function openCapture(catalog: Catalog, id: string, signal: AbortSignal): Promise<CaptureAt> {
  const row = await catalog.find(id, signal);
  return { row, manifest: await catalog.manifest(row.prefix, signal), prefix: row.prefix };
}

/**
 * Fetches a capture into `parent/<id>` and returns that folder. A second call goes on where the first was stopped. With
 * `identities`, encrypted files are decrypted beside themselves.
 */
export async function getCapture(
  catalog: Catalog,
  id: string,
  parent: string,
  onProgress: (progress: DownloadProgress) => void,
  signal: AbortSignal,
  identities?: Identities,
): Promise<{ readonly folder: string; readonly manifest: Manifest }> {
  const capture = await openCapture(catalog, id, signal);
  const folder = join(parent, capture.manifest.id);
  await downloadCapture(catalog.store, capture, folder, onProgress, signal);
  for (const { name } of identities === undefined ? [] : capture.manifest.files) {
    if (name.endsWith(AGE_SUFFIX)) await identities?.decryptFile(join(folder, name));
  }
  return { folder, manifest: capture.manifest };
}

/** What opens a capture's trace, or its report. Undefined: it has none. */
export function viewerOf(
  manifest: Manifest,
  folder: string,
  of: "trace" | "report" = "trace",
): readonly [string, ...string[]] | undefined {
  const name = of === "trace" ? TRACE_NAME : REPORT_NAME;
  if (!manifest.files.some((file) => file.name === name || file.name === name + AGE_SUFFIX)) return undefined;
  const file = join(folder, name);
  if (of === "trace") return ["go", "tool", "trace", file];
  return [platform() === "darwin" ? "open" : "xdg-open", file];
}

export async function diffCaptures(
  catalog: Catalog,
  a: string,
  b: string,
  signal: AbortSignal,
): Promise<readonly Difference[]> {
  const [left, right] = await Promise.all([openCapture(catalog, a, signal), openCapture(catalog, b, signal)]);
  return diffManifests(left.manifest, right.manifest);
}

export interface CheckOptions {
  /** Whose age identities decrypt what is encrypted. */
  readonly identities?: Identities | undefined;
  /** PEM; the manifest's signature is checked with it. */
  readonly publicKey?: string | undefined;
}

/** Reads a capture where it lies and says of each file whether it is what it should be. */
export async function checkCapture(
  catalog: Catalog,
  id: string,
  signal: AbortSignal,
  { identities, publicKey }: CheckOptions = {},
): Promise<readonly VerifiedFile[]> {
  const capture = await openCapture(catalog, id, signal);
  const files = await verifyCapture(catalog.store, capture, signal, identities);
  if (publicKey === undefined) return files;
  const problem = await signatureProblem(catalog.store, capture.prefix, publicKey, signal);
  return [...files, { name: SIGNATURE_NAME, problem }];
}

/** Who changes a capture, and when. */
export interface Change {
  readonly now: number;
  /** Names the index's note of it: anything that nobody else picks. */
  readonly token: string;
}

export async function pinCapture(
  catalog: Catalog,
  id: string,
  pinned: boolean,
  { now, token }: Change,
  signal: AbortSignal,
): Promise<IndexRow> {
  const row = await catalog.pin(await catalog.find(id, signal), pinned, now, signal);
  await noteChange(catalog, row, token, signal);
  return row;
}

export async function removeCapture(
  catalog: Catalog,
  id: string,
  { now, token }: Change,
  signal: AbortSignal,
): Promise<IndexRow> {
  const row = await catalog.remove(await catalog.find(id, signal), now, signal);
  await noteChange(catalog, row, token, signal);
  return row;
}

/** Links to each file and to the manifest, or undefined where the store can make none. */
export async function linksOf(
  catalog: Catalog,
  { manifest, prefix }: Pick<CaptureAt, "manifest" | "prefix">,
  expiresInSeconds: number,
  signal: AbortSignal,
): Promise<Readonly<Record<string, string>> | undefined> {
  const { store } = catalog;
  if (store.presign === undefined) return undefined;
  const links: Record<string, string> = {};
  for (const name of [...manifest.files.map((file) => file.name), MANIFEST_NAME]) {
    links[name] = await store.presign(prefix + name, expiresInSeconds, signal);
  }
  return links;
}
