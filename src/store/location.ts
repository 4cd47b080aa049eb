import { ConfigError } from "../base/errors.ts";
import { S3_PRESETS, storeSchema, type StoreOptions } from "./options.ts";

/** What the environment may say of a store that was given as a mere location. */
export interface LocationEnvironment {
  /** `AWS_ENDPOINT_URL_S3`, else `AWS_ENDPOINT_URL`. */
  readonly endpoint?: string | undefined;
  /** `AWS_REGION`. */
  readonly region?: string | undefined;
}

/**
 * The store that `--store` means: `s3://bucket/prefix`, with `?endpoint=…&region=…&preset=…&path_style=true` where
 * needed, or a folder. Keys come from the SDK's default chain.
 *
 * @throws {ConfigError} it is no such location.
 */
export function storeAt(location: string, environment: LocationEnvironment = {}): StoreOptions {
  if (!location.startsWith("s3://")) {
    if (/^[a-z][a-z0-9+.-]+:\/\//i.test(location))
      throw refused(location, "is neither s3://bucket/prefix nor a folder");
    return { kind: "filesystem", path: location };
  }
  const url = new URL(location);
  const query = Object.fromEntries(url.searchParams);
  const {
    endpoint = environment.endpoint,
    region = environment.region,
    preset,
    path_style,
    ...unknown
  } = query;
  const [strange] = Object.keys(unknown);
  if (strange !== undefined) {
    throw refused(
      location,
      `has ?${strange}: it takes endpoint, region, preset (${S3_PRESETS.join(", ")}), path_style`,
    );
  }
  const parsed = storeSchema.safeParse({
    kind: "s3",
    bucket: decodeURIComponent(url.host),
    prefix: decodeURIComponent(url.pathname),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(region === undefined ? {} : { region }),
    ...(preset === undefined ? {} : { preset }),
    ...(path_style === undefined ? {} : { path_style: path_style === "true" }),
  });
  if (parsed.success) return parsed.data;
  throw refused(
    location,
    parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; "),
  );
}

function refused(location: string, why: string): ConfigError {
  return new ConfigError([{ position: undefined, path: "--store", message: `"${location}" ${why}` }]);
}
