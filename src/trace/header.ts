/** The 16 bytes a trace begins with: `go 1.NN trace` and NULs. Version read from Go's internal/trace/version. */

import { TraceFormatError } from "./error.ts";

export const HEADER_BYTES = 16;

/** Minor Go versions whose v2 format (Go 1.22 and later) this reader knows. 1.24 writes 23, 1.27 writes 26. */
export const V2_VERSIONS = [22, 23, 25, 26] as const;
/** Minor Go versions of the v1 format that Go's own reader still takes. */
export const V1_VERSIONS = [11, 19, 21] as const;

export type V2Version = (typeof V2_VERSIONS)[number];
export type V1Version = (typeof V1_VERSIONS)[number];
export type TraceVersion = V1Version | V2Version;

export function isV2Version(version: number): version is V2Version {
  return (V2_VERSIONS as readonly number[]).includes(version);
}

export function isV1Version(version: number): version is V1Version {
  return (V1_VERSIONS as readonly number[]).includes(version);
}

/** Parses the first 16 bytes of a trace. Throws `truncated`, `not-a-trace` or `unsupported-version`. */
export function parseHeader(bytes: Uint8Array): TraceVersion {
  let text = "";
  for (const b of bytes.subarray(0, HEADER_BYTES)) text += String.fromCharCode(b);
  if (bytes.length < HEADER_BYTES) {
    // An empty or short file that could still have become a trace was cut; anything else never was one.
    if (
      "go 1.".startsWith(text.slice(0, 5)) &&
      (text.length <= 5 || /^go 1\.\d{1,2}( (t(r(a(ce?)?)?)?)?)?\0*$/.test(text))
    ) {
      throw new TraceFormatError(
        "truncated",
        `bad file format: ${bytes.length} bytes, less than a trace header`,
        {
          offset: bytes.length,
          expected: `${HEADER_BYTES} bytes of header`,
        },
      );
    }
    throw notATrace();
  }
  const match = /^go 1\.(\d{1,2}) trace\0+$/.exec(text);
  if (match === null) throw notATrace();
  const version = Number(match[1]);
  if (isV2Version(version) || isV1Version(version)) return version;
  throw new TraceFormatError("unsupported-version", `unknown or unsupported trace version go 1.${version}`, {
    offset: 0,
    version,
    expected: `go 1.${[...V1_VERSIONS, ...V2_VERSIONS].join(", 1.")}`,
  });
}

function notATrace(): TraceFormatError {
  return new TraceFormatError("not-a-trace", "bad file format: not a Go execution trace?", {
    offset: 0,
    expected: "`go 1.NN trace`",
  });
}

/** The header of a version. */
export function headerBytes(version: number): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES);
  const text = `go 1.${version} trace`;
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}
