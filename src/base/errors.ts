/**
 * The error taxonomy: one class per what the operator (or the loop that owns the unit of work) does next.
 * Each error has a stable `code`, used as a metric label; the message holds the numbers; `hint` says what to do.
 */

export interface ErrorOptions {
  readonly cause?: unknown;
  /** What the operator can do about it, one sentence. */
  readonly hint?: string;
}

export abstract class GorewindError extends Error {
  readonly code: string;
  readonly hint: string | undefined;

  constructor(code: string, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = options.hint;
  }
}

/** A place in a configuration file; lines and columns count from 1. */
export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One thing wrong with the configuration. */
export interface ConfigProblem {
  readonly position: SourcePosition | undefined;
  /** Dotted path of the key, `targets.0.url`. */
  readonly path: string;
  readonly message: string;
}

/** The configuration cannot be used: fix the file. The process exits with 2. */
export class ConfigError extends GorewindError {
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[], options: ErrorOptions = {}) {
    super("config", problems.map(formatProblem).join("\n"), options);
    this.problems = problems;
  }
}

function formatProblem(problem: ConfigProblem): string {
  const { position } = problem;
  const place = position === undefined ? "" : `${position.file}:${position.line}:${position.column}: `;
  const path = problem.path === "" ? "" : `${problem.path}: `;
  return `${place}${path}${problem.message}`;
}

export type ScrapeErrorKind =
  | "connect"
  | "timeout"
  | "status"
  | "already-enabled"
  | "truncated"
  | "limit"
  | "format"
  | "unsupported"
  | "tls"
  | "credentials"
  | "forbidden";

/** A target could not be read; it is tried again. */
export class ScrapeError extends GorewindError {
  readonly kind: ScrapeErrorKind;

  constructor(kind: ScrapeErrorKind, message: string, options: ErrorOptions = {}) {
    super(`scrape_${kind.replaceAll("-", "_")}`, message, options);
    this.kind = kind;
  }
}

/** A store refused or failed. `retryable` says whether the same call may succeed later. */
export class StoreError extends GorewindError {
  readonly retryable: boolean;

  constructor(code: string, message: string, options: ErrorOptions & { readonly retryable: boolean }) {
    super(code, message, options);
    this.retryable = options.retryable;
  }
}

/** Something may not be written as it is, and cannot be made anonymous: it is left out. */
export class PrivacyError extends GorewindError {}

/** A bug of ours. The process may crash on it. */
export class InvariantError extends GorewindError {
  constructor(message: string, options: ErrorOptions = {}) {
    super("invariant", message, options);
  }
}

/** Ends an exhaustive `switch` over a union: reaching it at run time is a bug. */
export function assertNever(value: never): never {
  throw new InvariantError(`unexpected variant: ${JSON.stringify(value)}`);
}

export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new InvariantError(message);
}

/** The message of anything thrown, with its cause's, on one line. */
export function errorMessage(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause === undefined ? "" : `: ${errorMessage(error.cause)}`;
  return error.message.includes("\n")
    ? `${error.message.replaceAll("\n", "; ")}${cause}`
    : `${error.message}${cause}`;
}
