import type { ConfigProblem } from "../base/errors.ts";

export type ConfigEvent =
  | {
      readonly kind: "config.loaded";
      readonly file: string;
      readonly hash: string;
      readonly targets: number;
      readonly triggers: number;
    }
  /** A new configuration cannot be used; the old one goes on. */
  | { readonly kind: "config.rejected"; readonly file: string; readonly problems: readonly ConfigProblem[] };
