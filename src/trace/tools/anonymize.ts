/**
 * Rewrites a trace so that it can be shown to others: names and messages of the program are replaced, what the Go
 * distribution itself contributes is kept, and the result still opens in `go tool trace`.
 *
 * Strings are told apart by how they are used: a function's name, a file's path, or text (reasons, labels, task, region and
 * log strings). Equal strings get equal replacements over the whole trace, so profiles and tasks keep their shape.
 * Ids, times, PCs and sizes are kept: they say nothing by themselves.
 */

import { TraceFormatError } from "../error.ts";
import { HEADER_BYTES, headerBytes } from "../header.ts";
import { Ev, specOf } from "../spec.ts";
import { isStandard, standardFile } from "../../base/standard-library.ts";
import { ByteCursor, putUvarint } from "../varint.ts";
import { writeWireEvent } from "../wire.ts";
import { Framing } from "../framing.ts";
import type { RawGeneration } from "../framing.ts";
import { readEntry, runtimeTexts, stringUses, type StringUse } from "./string-uses.ts";

declare const TextDecoder: new () => { decode(bytes: Uint8Array): string };
declare const TextEncoder: new () => { encode(text: string): Uint8Array };

/** Replaces text by a name with a number, the same for the same text. */
class Renamer {
  readonly #prefix: string;
  readonly #suffix: string;
  readonly #names = new Map<string, string>();

  constructor(prefix: string, suffix = "") {
    this.#prefix = prefix;
    this.#suffix = suffix;
  }

  rename(text: string): string {
    let name = this.#names.get(text);
    if (name === undefined) {
      name = `${this.#prefix}${this.#names.size + 1}${this.#suffix}`;
      this.#names.set(text, name);
    }
    return name;
  }
}

class Anonymizer implements StringPolicy {
  readonly #functions = new Renamer("app.f");
  readonly #files = new Renamer("/app/", ".go");
  readonly #texts = new Renamer("text");

  /** The replacement of a string by what it is used for. */
  replace(text: string, use: StringUse): string {
    if (text === "") return text;
    switch (use) {
      case "func":
        // `main.main` tells nothing and tools look for it.
        return isStandard(text) || text === "main.main" ? text : this.#functions.rename(text);
      case "standard-file":
        return standardFile(text) ?? this.#files.rename(text);
      case "file":
        return this.#files.rename(text);
      default:
        return runtimeTexts.has(text) ? text : this.#texts.rename(text);
    }
  }
}

/** Rewrites a v2 trace. Throws TraceFormatError where its tables cannot be read. */
export function anonymizeTrace(trace: Uint8Array): Uint8Array {
  return replaceStrings(trace, new Anonymizer());
}

/** What takes the place of each string of a trace. */
export interface StringPolicy {
  replace(text: string, use: StringUse): string;
}

/** The trace with its strings replaced. Throws TraceFormatError where it is no v2 trace or its tables cannot be read. */
export function replaceStrings(trace: Uint8Array, anonymizer: StringPolicy): Uint8Array {
  const framing = new Framing({ shareBytes: true });
  const parts: Uint8Array[] = [];
  for (const raw of framing.pushWhole(trace)) parts.push(rewrite(raw, anonymizer));
  for (const raw of framing.end()) parts.push(rewrite(raw, anonymizer));
  const version = framing.version!;
  if (parts.length === 0) {
    throw new TraceFormatError("unsupported-version", "only v2 traces can be rewritten", { version });
  }
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, HEADER_BYTES));
  out.set(headerBytes(version));
  let at = HEADER_BYTES;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}

/** The generation's bytes with its Strings batches rewritten; every other batch is copied as it is. */
function rewrite(raw: RawGeneration, anonymizer: StringPolicy): Uint8Array {
  const { batches, bytes, version } = raw;
  if (raw.cut !== undefined) throw raw.cut;
  const useOf = stringUses(raw);
  const chunks: Uint8Array[] = [];
  let copied = 0;
  for (let i = 0; i < batches.count; i++) {
    const kind = batches.kind(i, version);
    if (kind !== "strings" && kind !== "experimental") continue;
    const start = batches.starts[i]!;
    const headerStart = i === 0 ? 0 : batches.ends[i - 1]!;
    chunks.push(bytes.subarray(copied, headerStart));
    copied = batches.ends[i]!;
    // An experiment's batch may hold names in a format of its own: it is left out.
    if (kind === "experimental") continue;
    for (const payload of rewriteStrings(bytes, start, copied, useOf, anonymizer)) {
      const header: number[] = [Ev.EventBatch];
      for (const value of [raw.number, batches.threads[i]!, batches.ticks[i]!, payload.length]) {
        putUvarint(header, value);
      }
      chunks.push(Uint8Array.from(header), Uint8Array.from(payload));
    }
  }
  chunks.push(bytes.subarray(copied));
  const out = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}

/** Replacements may be longer than what they replace, so one batch may become several. */
const FLUSH_BYTES = 60_000;

function rewriteStrings(
  bytes: Uint8Array,
  start: number,
  end: number,
  useOf: (id: bigint) => StringUse,
  anonymizer: StringPolicy,
): number[][] {
  const spec = specOf(Ev.String)!;
  const cursor = new ByteCursor(bytes, start + 1, end);
  const payloads: number[][] = [[Ev.Strings]];
  while (!cursor.done) {
    const { args, data } = readEntry(cursor, spec);
    const text = new TextDecoder().decode(data ?? new Uint8Array(0));
    const replaced = new TextEncoder().encode(anonymizer.replace(text, useOf(args[0]!)));
    if (payloads.at(-1)!.length > FLUSH_BYTES) payloads.push([Ev.Strings]);
    writeWireEvent(payloads.at(-1)!, { spec, args, data: replaced });
  }
  return payloads;
}
