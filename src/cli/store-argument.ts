import { GorewindError } from "../base/errors.ts";
import { Catalog } from "../store/catalog/catalog.ts";
import { createStore } from "../store/create.ts";
import { storeAt } from "../store/location.ts";
import type { StoreOptions } from "../store/options.ts";
import { readConfigFile } from "./config-file.ts";
import type { CommandIo } from "./io.ts";

/** How a command is told where captures are. */
export interface StoreArguments {
  /** `s3://bucket/prefix?endpoint=…` or a folder. */
  readonly store?: string;
  /** A configuration, whose `store:` is meant. */
  readonly config?: string;
}

class UsageError extends GorewindError {}

/** Lends `work` the captures of the store that the arguments name. @throws {ConfigError} they name none. */
export async function withCatalog<T>(
  args: StoreArguments,
  io: CommandIo,
  work: (catalog: Catalog) => Promise<T>,
): Promise<T> {
  const store = await createStore(await storeOf(args, io));
  try {
    return await work(new Catalog(store));
  } finally {
    store.close();
  }
}

async function storeOf({ store, config }: StoreArguments, io: CommandIo): Promise<StoreOptions> {
  if (store !== undefined) {
    const { env } = io;
    const endpoint = env["AWS_ENDPOINT_URL_S3"] ?? env["AWS_ENDPOINT_URL"];
    return storeAt(store, { endpoint, region: env["AWS_REGION"] });
  }
  if (config !== undefined) return (await readConfigFile(config, io.env)).options.store;
  throw new UsageError("usage", "which store?", {
    hint: "Give --store s3://bucket/prefix, --store FOLDER, or --config FILE (or set GOREWIND_STORE).",
  });
}
