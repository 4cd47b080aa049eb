import { configJsonSchema } from "../config/load.ts";
import { readConfigFile } from "./config-file.ts";
import type { CommandIo } from "./io.ts";

/** `gorewind check config FILE`: says whether the agent would start with it. @throws {ConfigError} it would not. */
export async function checkConfig(file: string, io: CommandIo): Promise<number> {
  const config = await readConfigFile(file, io.env);
  const { targets, options } = config;
  const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? "" : "s"}`;
  io.out(
    `${file}: ok: ${count(targets.length, "target")}, ${count(options.triggers.length, "trigger")}, store ${options.store.kind}\n`,
  );
  return 0;
}

/** `gorewind schema`: the configuration's JSON Schema, for editors. */
export function printSchema(io: CommandIo): number {
  io.out(`${JSON.stringify({ title: "gorewind configuration", ...configJsonSchema() }, null, 2)}\n`);
  return 0;
}
