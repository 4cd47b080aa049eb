import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { ScrapeError } from "../../base/errors.ts";

const SHOWN = "<secret>";

/** A text that nobody is to see: every way of printing it says `<secret>`. */
export class Secret {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toString(): string {
    return SHOWN;
  }

  toJSON(): string {
    return SHOWN;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return SHOWN;
  }
}

/** Where a secret comes from. A file is read again at each use, so that it can be rotated while the agent runs. */
export type SecretSource =
  | { readonly kind: "inline"; readonly secret: Secret }
  | { readonly kind: "file"; readonly path: string };

/** No token, password or certificate chain is larger; a wrong path to a log is not read to its end. */
const MAX_SECRET_BYTES = 1024 * 1024;

/**
 * @param folder relative paths are below it.
 * @throws {ScrapeError} credentials: the file cannot be read, is empty or too large.
 */
export async function readSecret(source: SecretSource, folder: string): Promise<string> {
  if (source.kind === "inline") return source.secret.reveal();
  const path = resolve(folder, source.path);
  try {
    const { size } = await stat(path);
    if (size > MAX_SECRET_BYTES) throw new Error(`it has ${size} bytes, more than ${MAX_SECRET_BYTES}`);
    const text = (await readFile(path, "utf8")).trim();
    if (text === "") throw new Error("it is empty");
    return text;
  } catch (error) {
    throw new ScrapeError("credentials", `cannot use ${path}`, {
      cause: error,
      hint: "Is the file there, and may the agent read it? It is read again at the next try.",
    });
  }
}

/** A text that is the same for two values exactly when they are, secrets included; it does not tell them. */
export function fingerprint(value: unknown): string {
  const text = JSON.stringify(value, function (this: Readonly<Record<string, unknown>>, key, shown: unknown) {
    // JSON.stringify has called toJSON by now; the holder still has the secret itself.
    const held = this[key];
    return held instanceof Secret ? { secret: held.reveal() } : shown;
  });
  return createHash("sha256").update(text).digest("hex");
}
