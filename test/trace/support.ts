/** What the trace tests share: where the shared traces are, and rows in a form to compare. */

import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { EventColumns, EventRow } from "../../src/trace/columns.ts";
import { TraceFormatError } from "../../src/trace/error.ts";
import { specOf } from "../../src/trace/spec.ts";
import { repoRoot } from "../support/cache.ts";

const folder = join(process.env["GOREWIND_SHARED"] ?? join(repoRoot, "..", "shared"), "traces");

export const v2Releases = ["1.22", "1.23", "1.24", "1.25", "1.26", "1.27"] as const;

/** Path of a shared trace, by the Go release that wrote it. */
export function sharedTrace(release: string): string {
  return join(folder, `tour-go${release}.trace`);
}

/** The parts of a shared trace's reference this folder's tests compare. */
export interface Reference {
  readonly events: number;
  readonly kinds: Readonly<Record<string, number>>;
  readonly start_ns: number;
  readonly end_ns: number;
  readonly range_begins: Readonly<Record<string, number>>;
}

export function reference(release: string): Reference {
  return JSON.parse(readFileSync(join(folder, `tour-go${release}.reference.json`), "utf8")) as Reference;
}

export interface Outcome {
  readonly rows: readonly Required<EventRow>[];
  readonly error: TraceFormatError | undefined;
}

/** All rows, and the error that ended them. Anything but a TraceFormatError is thrown. */
export function collect(batches: Iterable<EventColumns>): Outcome {
  const rows: Required<EventRow>[] = [];
  try {
    for (const batch of batches) for (let i = 0; i < batch.length; i++) rows.push(batch.row(i));
  } catch (error) {
    if (!(error instanceof TraceFormatError)) throw error;
    return { rows, error };
  }
  return { rows, error: undefined };
}

/** Rows as a hash, for traces too long to keep as objects. */
export function digest(batches: Iterable<EventColumns>): { readonly rows: number; readonly hash: string } {
  const hash = createHash("sha256");
  let rows = 0;
  for (const batch of batches) {
    rows += batch.length;
    const columns = [
      batch.time,
      batch.g,
      batch.m,
      batch.subject,
      batch.arg0,
      batch.arg1,
      batch.p,
      batch.stack,
    ];
    for (let i = 0; i < batch.length; i++) {
      hash.update(
        `${columns.map((column) => column[i]).join(" ")} ${batch.type[i]} ${batch.from[i]} ${batch.to[i]}\n`,
      );
    }
  }
  return { rows, hash: hash.digest("hex") };
}

/** The name of a row's event, for short expectations. */
export function nameOf(row: EventRow): string {
  return specOf(row.type)!.name;
}
