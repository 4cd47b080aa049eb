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
import type { EventSpec } from "../spec.ts";
import { StringTable } from "../tables/strings.ts";
import { ByteCursor, putUvarint } from "../varint.ts";
import { readWireEvent, writeWireEvent } from "../wire.ts";
import type { WireEvent } from "../wire.ts";
import { Framing } from "../framing.ts";
import type { RawGeneration } from "../framing.ts";

declare const TextDecoder: new () => { decode(bytes: Uint8Array): string };
declare const TextEncoder: new () => { encode(text: string): Uint8Array };

/** Texts the runtime writes: reasons, kinds of stop-the-world, labels (Go 1.22 to 1.27). Others are the program's own. */
const runtimeTexts = new Set([
  ..."unspecified|forever|network|select|sync.(*Cond).Wait|sync|chan send|chan receive|GC mark assist wait for work".split(
    "|",
  ),
  ..."GC background sweeper wait|system goroutine wait|preempted|wait for debug call|wait until GC ends|sleep".split(
    "|",
  ),
  ..."GC weak to strong wait|synctest|runtime.Gosched|unknown|GC mark termination|GC sweep termination".split(
    "|",
  ),
  ..."write heap dump|goroutine profile|goroutine profile cleanup|all goroutines stack trace|read mem stats".split(
    "|",
  ),
  ..."AllThreadsSyscall|GOMAXPROCS|start trace|stop trace".split("|"),
  ..."Not worker|GC (dedicated)|GC (fractional)|GC (idle)".split("|"),
]);

/** Whether a function is of the standard library: the first element of its import path has no dot and is not `main`. */
function isStandard(func: string): boolean {
  // The type arguments of a generic function may be the program's.
  if (func.replaceAll("[...]", "").includes("[")) return false;
  const first = func.split("/", 1)[0]!;
  const hasDomain = func.includes("/") && first.includes(".");
  const pkg = func.includes("/") ? first : first.split(".", 1)[0]!;
  return !hasDomain && standardPackages.has(pkg);
}

/** First elements of the import paths of the standard library. */
const standardPackages = new Set(
  (
    "archive bufio builtin bytes cmp compress container context crypto database debug embed encoding errors expvar flag fmt go hash " +
    "html image index internal io iter log maps math mime net os path plugin reflect regexp runtime slices sort strconv strings " +
    "structs sync syscall testing text time unicode unique unsafe vendor weak _cgo_"
  ).split(" "),
);

type StringUse = "func" | "file" | "standard-file" | "text";

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

class Anonymizer {
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
      case "standard-file": {
        const inside = /\/src\/([^ ]+)$/.exec(text)?.[1];
        return inside === undefined ? this.#files.rename(text) : `/go/src/${inside}`;
      }
      case "file":
        return this.#files.rename(text);
      default:
        return runtimeTexts.has(text) ? text : this.#texts.rename(text);
    }
  }
}

/** Rewrites a v2 trace. Throws TraceFormatError where its tables cannot be read. */
export function anonymizeTrace(trace: Uint8Array): Uint8Array {
  const framing = new Framing({ shareBytes: true });
  const anonymizer = new Anonymizer();
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
function rewrite(raw: RawGeneration, anonymizer: Anonymizer): Uint8Array {
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

/** What each string id is used for, by the stacks. A file is the distribution's if only its functions are in it. */
function stringUses(raw: RawGeneration): (id: bigint) => StringUse {
  const uses = new Map<bigint, StringUse>();
  const { batches, bytes, version } = raw;
  const strings = new StringTable();
  const each = (kind: "strings" | "stacks", visit: (start: number, end: number) => void): void => {
    for (let i = 0; i < batches.count; i++) {
      if (batches.kind(i, version) === kind) visit(batches.starts[i]!, batches.ends[i]!);
    }
  };
  each("strings", (start, end) => strings.add(bytes, start, end));
  strings.seal(bytes);
  const spec = specOf(Ev.Stack)!;
  each("stacks", (start, end) => {
    const cursor = new ByteCursor(bytes, start + 1, end);
    while (!cursor.done) {
      const { args } = readEntry(cursor, spec);
      for (let frame = spec.args.length; frame < args.length; frame += 4) {
        const [func, file] = [args[frame + 1]!, args[frame + 2]!];
        uses.set(func, "func");
        const standard = isStandard(strings.get(strings.find(Number(func))));
        if (!standard) uses.set(file, "file");
        else if (!uses.has(file)) uses.set(file, "standard-file");
      }
    }
  });
  return (id) => uses.get(id) ?? "text";
}

/** The next entry of a table's batch. */
function readEntry(cursor: ByteCursor, spec: EventSpec): WireEvent {
  const offset = cursor.pos;
  if (cursor.byte() !== spec.type)
    throw new TraceFormatError("corrupt", `expected ${spec.name} event`, { offset });
  return readWireEvent(cursor, spec);
}

/** Replacements may be longer than what they replace, so one batch may become several. */
const FLUSH_BYTES = 60_000;

function rewriteStrings(
  bytes: Uint8Array,
  start: number,
  end: number,
  useOf: (id: bigint) => StringUse,
  anonymizer: Anonymizer,
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
