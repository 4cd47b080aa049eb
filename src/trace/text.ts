/**
 * Traces as text: one wire event a line, as `go tool trace -d=wire` prints and Go's own test files are written.
 *
 *     Trace Go1.26
 *     EventBatch gen=1 m=18446744073709551615 time=9 size=16
 *     Sync
 *     Frequency freq=1000000000
 *     Stack id=1 nframes=1
 *     	pc=1 func=1 file=2 line=3
 *     String id=1
 *     	data="main.main"
 *
 * A `#` begins a comment. Text is reviewable in a diff and assembles to the same bytes.
 */

import { TraceFormatError } from "./error.ts";
import { HEADER_BYTES, isV2Version, parseHeader } from "./header.ts";
import { specsOf } from "./spec.ts";
import type { EventSpec } from "./spec.ts";
import { readWire, writeWire } from "./wire.ts";
import type { WireEvent } from "./wire.ts";

const frameFields = ["pc", "func", "file", "line"] as const;

/** The lines of a trace, without line ends. A Stack's frames and a String's data have lines of their own. */
export function* wireLines(bytes: Uint8Array): Generator<string, void, undefined> {
  yield `Trace Go1.${parseHeader(bytes.subarray(0, HEADER_BYTES))}`;
  for (const event of readWire(bytes)) yield* eventLines(event);
}

function* eventLines({ spec, args, data }: WireEvent): Generator<string, void, undefined> {
  let line = spec.name;
  for (const [i, name] of spec.args.entries()) line += ` ${name}=${args[i]}`;
  yield line;
  for (let i = spec.args.length; i < args.length; i += 4) {
    yield `\t${frameFields.map((name, field) => `${name}=${args[i + field]}`).join(" ")}`;
  }
  if (data !== undefined && data.length > 0) yield `\tdata=${quoteBytes(data)}`;
  // Go reads the data of an empty string as none at all, and prints no line for it.
}

/** The bytes of a trace in text form. Throws TraceFormatError with the line that is wrong. */
export function assembleTrace(text: string): Uint8Array {
  const lines = text.split("\n");
  let next = 0;
  const line = (): string | undefined => {
    while (next < lines.length) {
      const bare = lines[next++]!.replace(/^([^"#]*)#.*$/, "$1").trim();
      if (bare !== "") return bare;
    }
    return undefined;
  };
  const fail = (detail: string): TraceFormatError =>
    new TraceFormatError("corrupt", `line ${next}: ${detail}`);

  const header = /^Trace Go1\.(\d+)$/.exec(line() ?? "");
  if (header === null) throw new TraceFormatError("not-a-trace", "the first line is not `Trace Go1.NN`");
  const version = Number(header[1]);
  if (!isV2Version(version))
    throw new TraceFormatError("unsupported-version", `unknown version go 1.${version}`);
  const specs = new Map<string, EventSpec>(specsOf(version).map((spec) => [spec.name, spec]));

  const events: WireEvent[] = [];
  for (let current = line(); current !== undefined; current = line()) {
    const [name, ...tokens] = current.split(/\s+/);
    const spec = specs.get(name!);
    if (spec === undefined) throw fail(`unidentified event: ${name}`);
    const args = parseArgs(tokens, spec.args, fail);
    let data: Uint8Array | undefined;
    if (spec.frames) {
      for (let i = 0; i < Number(args[1]); i++) {
        args.push(...parseArgs((line() ?? "").split(/\s+/), frameFields, fail));
      }
    }
    if (spec.data) {
      if (/^data\s*=/.test(lines[next]?.trim() ?? "")) {
        const quoted = lines[next++]!.trim();
        data = unquoteBytes(quoted.slice(quoted.indexOf("=") + 1).trim(), fail);
      } else data = new Uint8Array(0);
    }
    events.push({ spec, args, data });
  }
  return writeWire(version, events);
}

function parseArgs(
  tokens: readonly string[],
  names: readonly string[],
  fail: (detail: string) => TraceFormatError,
): bigint[] {
  if (tokens.length !== names.length) throw fail(`expected ${names.length} arguments, got ${tokens.length}`);
  return tokens.map((token, i) => {
    const match = /^(\w+)=(\d+)$/.exec(token);
    if (match === null || match[1] !== names[i]) throw fail(`expected argument ${names[i]}, got ${token}`);
    return BigInt(match[2]!);
  });
}

declare const TextDecoder: new (
  label: string,
  options: { fatal: boolean },
) => { decode(bytes: Uint8Array): string };
declare const TextEncoder: new () => { encode(text: string): Uint8Array };

const escapes = new Map<string, string>([
  ["\u0007", "\\a"],
  ["\b", "\\b"],
  ["\f", "\\f"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\v", "\\v"],
  ['"', '\\"'],
  ["\\", "\\\\"],
]);
const unescapes = new Map<string, string>([...escapes].map(([char, escape]) => [escape[1]!, char]));

/** Text in Go's strconv.Quote form. */
export function quoteText(text: string): string {
  let out = '"';
  for (const char of text) out += quoteRune(char);
  return `${out}"`;
}

function quoteRune(char: string): string {
  const escaped = escapes.get(char);
  if (escaped !== undefined) return escaped;
  const code = char.codePointAt(0)!;
  if (/^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u.test(char)) return char;
  if (code < 0x20 || code === 0x7f) return `\\x${code.toString(16).padStart(2, "0")}`;
  if (code < 0x1_0000) return `\\u${code.toString(16).padStart(4, "0")}`;
  return `\\U${code.toString(16).padStart(8, "0")}`;
}

/** Bytes in Go's strconv.Quote form: what is not UTF-8 becomes `\xNN`. */
export function quoteBytes(bytes: Uint8Array): string {
  const utf8 = new TextDecoder("utf-8", { fatal: true });
  let out = '"';
  for (let i = 0; i < bytes.length;) {
    const length = runeLength(bytes[i]!);
    try {
      if (length === 0) throw new TypeError("not a first byte");
      for (const char of utf8.decode(bytes.subarray(i, i + length))) out += quoteRune(char);
      i += length;
    } catch {
      out += `\\x${bytes[i]!.toString(16).padStart(2, "0")}`;
      i++;
    }
  }
  return `${out}"`;
}

/** Bytes of a UTF-8 rune by its first byte, 0 if it cannot be one. */
function runeLength(first: number): number {
  if (first < 0x80) return 1;
  if (first < 0xc2) return 0;
  if (first < 0xe0) return 2;
  if (first < 0xf0) return 3;
  return first < 0xf5 ? 4 : 0;
}

function unquoteBytes(quoted: string, fail: (detail: string) => TraceFormatError): Uint8Array {
  if (quoted.length < 2 || !quoted.startsWith('"') || !quoted.endsWith('"'))
    throw fail(`malformed data: ${quoted}`);
  const encoder = new TextEncoder();
  const out: number[] = [];
  const pattern = /\\x([0-9a-f]{2})|\\([0-7]{3})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})|\\(.)|([^\\])/giuy;
  const body = quoted.slice(1, -1);
  let end = 0;
  for (const match of body.matchAll(pattern)) {
    const [whole, hex, octal, short, long, escape, plain] = match;
    end += whole.length;
    if (hex !== undefined) out.push(Number.parseInt(hex, 16));
    else if (octal !== undefined) out.push(Number.parseInt(octal, 8));
    else if (short !== undefined)
      out.push(...encoder.encode(String.fromCodePoint(Number.parseInt(short, 16))));
    else if (long !== undefined) out.push(...encoder.encode(String.fromCodePoint(Number.parseInt(long, 16))));
    else if (escape !== undefined) {
      const char = unescapes.get(escape);
      if (char === undefined) throw fail(`unknown escape \\${escape}`);
      out.push(...encoder.encode(char));
    } else out.push(...encoder.encode(plain!));
  }
  if (end !== body.length) throw fail(`malformed data: ${quoted}`);
  return Uint8Array.from(out);
}
