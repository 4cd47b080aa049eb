import { readFile } from "node:fs/promises";
import { ConfigError } from "../base/errors.ts";
import { parseConfig, type Config } from "../config/load.ts";
import type { Environment } from "../config/yaml.ts";

/** No configuration is larger; a wrong path to a large file is not read to its end. */
const MAX_CONFIG_BYTES = 4 * 1024 * 1024;

/** @throws {ConfigError} the file cannot be read, or what it says cannot be used. */
export async function readConfigFile(file: string, env: Environment): Promise<Config> {
  return parseConfig(await readText(file), file, env);
}

/** @throws {ConfigError} the file cannot be read, or is too large. */
export async function readText(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unknown error";
    throw new ConfigError([{ position: undefined, path: "", message: `cannot read ${file} (${code})` }], {
      cause: error,
    });
  }
  if (text.length > MAX_CONFIG_BYTES) {
    throw new ConfigError([
      { position: undefined, path: "", message: `${file} is larger than 4 MiB: is it a configuration?` },
    ]);
  }
  return text;
}
