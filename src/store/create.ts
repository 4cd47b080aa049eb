import { assertNever } from "../base/errors.ts";
import { FilesystemStore } from "./filesystem.ts";
import type { StoreOptions } from "./options.ts";
import type { Store } from "./store.ts";

/** The store that the options describe. It talks to nobody until it is used. */
export async function createStore(options: StoreOptions): Promise<Store> {
  switch (options.kind) {
    case "filesystem":
      return new FilesystemStore(options);
    case "s3": {
      // The SDK takes a quarter of a second to load, which a folder need not wait for.
      const { S3Store } = await import("./s3/s3.ts");
      return new S3Store(options);
    }
    default:
      return assertNever(options);
  }
}
