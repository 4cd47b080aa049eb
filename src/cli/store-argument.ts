import { z } from "zod";
import { GorewindError } from "../base/errors.ts";
import { createStore } from "../store/create.ts";
import { storeSchema, type StoreOptions } from "../store/options.ts";
import type { Store } from "../store/store.ts";
import { readConfigFile } from "./config-file.ts";
import type { CommandIo } from "./io.ts";

/** How a command is told where captures are. */
export interface StoreArguments {
  /** `s3://bucket/prefix` or a folder. */
  readonly store?: string;
  /** A configuration, whose `store:` is meant. */
  readonly config?: string;
  readonly endpoint?: string;
  readonly region?: string;
  readonly preset?: string;
}

class UsageError extends GorewindError {}

/** @throws {GorewindError} no store is named, or it cannot be one. @throws {ConfigError} */
export async function openStore(args: StoreArguments, io: CommandIo): Promise<Store> {
  if (args.store !== undefined) return await createStore(parseStore(args.store, args));
  if (args.config !== undefined)
    return await createStore((await readConfigFile(args.config, io.env)).options.store);
  throw new UsageError("usage", "which store?", {
    hint: "Give --store s3://bucket/prefix, --store FOLDER, or --config FILE (or set GOREWIND_STORE).",
  });
}

function parseStore(text: string, { endpoint, region, preset }: StoreArguments): StoreOptions {
  const s3 = /^s3:\/\/([^/]+)\/?(.*)$/.exec(text);
  const raw =
    s3 === null
      ? { kind: "filesystem", path: text.replace(/^file:\/\//, "") }
      : { kind: "s3", bucket: s3[1], prefix: s3[2] ?? "", endpoint, region, preset };
  const parsed = storeSchema.safeParse(JSON.parse(JSON.stringify(raw)));
  if (parsed.success) return parsed.data;
  throw new UsageError("usage", `${text} is no store: ${z.prettifyError(parsed.error)}`);
}
