import { createHmac } from "node:crypto";
import { replacement, type Rename } from "../base/privacy.ts";

/** 48 bits: two of a million texts of one kind get the same name with odds of 1 in 500. */
const CODE_CHARACTERS = 12;

/**
 * Names texts by a keyed hash: the same all over the agent's life, and whoever does not have the key, which is never
 * written anywhere, cannot try out what a text may have been.
 */
export function renamer(key: Uint8Array): Rename {
  return (kind, text) => {
    const code = createHmac("sha256", key).update(`${kind}\0${text}`).digest("hex").slice(0, CODE_CHARACTERS);
    return replacement(kind, code);
  };
}
