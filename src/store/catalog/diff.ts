import type { Manifest } from "../../capture/manifest.ts";

export interface Difference {
  /** Dotted: `reasons.0.value`. */
  readonly path: string;
  readonly a: string | undefined;
  readonly b: string | undefined;
}

/** Where two captures' manifests differ, in the order of the manifest; what always differs (the id) included. */
export function diffManifests(a: Manifest, b: Manifest): readonly Difference[] {
  const [left, right] = [flatten(byName(a)), flatten(byName(b))];
  const paths = new Set([...left.keys(), ...right.keys()]);
  const differences: Difference[] = [];
  for (const path of paths) {
    const difference = { path, a: left.get(path), b: right.get(path) };
    if (difference.a !== difference.b) differences.push(difference);
  }
  return differences;
}

/** Files are compared by name, whatever their order. */
function byName(manifest: Manifest): unknown {
  const files = Object.fromEntries(manifest.files.map(({ name, ...rest }) => [name, rest]));
  return { ...manifest, files };
}

function flatten(value: unknown, path = "", into = new Map<string, string>()): Map<string, string> {
  if (typeof value !== "object" || value === null) {
    if (value !== undefined) into.set(path, typeof value === "string" ? value : JSON.stringify(value));
    return into;
  }
  for (const [key, each] of Object.entries(value)) flatten(each, path === "" ? key : `${path}.${key}`, into);
  return into;
}
