import { GorewindError, type ErrorOptions } from "../base/errors.ts";

/** Targets could not be discovered; what was known goes on, and it is tried again. */
export class DiscoveryError extends GorewindError {
  constructor(
    kind: "unreachable" | "status" | "format" | "limit" | "file" | "dns" | "expired",
    message: string,
    options: ErrorOptions = {},
  ) {
    super(`discovery_${kind}`, message, options);
  }
}
