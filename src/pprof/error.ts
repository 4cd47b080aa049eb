import { GorewindError } from "../base/errors.ts";

/** Bytes are no pprof profile. */
export class PprofFormatError extends GorewindError {
  constructor(detail: string) {
    super("pprof_format", `not a pprof profile: ${detail}`, {
      hint: "Profiles must be unpacked (gunzip) first.",
    });
  }
}
