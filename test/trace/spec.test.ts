/** The spec table is Go's. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { specsOf } from "../../src/trace/spec.ts";
import { goRoot, goUnavailable } from "../support/go.ts";
import { requireOrSkip } from "../support/require.ts";

const skip = requireOrSkip("the spec table against Go's", await goUnavailable());

describe("the spec table", () => {
  it.skipIf(skip)("has the arguments, stacks and strings of Go's", async () => {
    const source = readFileSync(join(await goRoot(), "src/internal/trace/tracev2/events.go"), "utf8");
    const list = (text: string | undefined): string[] =>
      [...(text ?? "").matchAll(/[\w"]+/g)].map(([word]) => word.replaceAll('"', ""));
    let compared = 0;
    for (const [, , body] of source.matchAll(/^\tEv(\w+): \{\n([^]*?)^\t\},/gm)) {
      const field = (name: string): string | undefined =>
        new RegExp(`${name}: +(?:\\[\\]\\w+)?\\{?([^\\n]*?)\\}?,\\n`).exec(body!)?.[1];
      const name = list(field("Name"))[0]!;
      const spec = specsOf(26).find((candidate) => candidate.name === name);
      expect([name, spec?.args]).toEqual([name, list(field("Args"))]);
      if (spec!.timed) {
        expect([name, spec!.stacks.map(String)]).toEqual([name, list(field("StackIDs"))]);
        expect([name, spec!.strings.map(String)]).toEqual([name, list(field("StringIDs"))]);
      }
      compared++;
    }
    expect(compared).toBe(specsOf(26).length);
  });
});
