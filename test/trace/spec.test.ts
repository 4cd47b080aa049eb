/** The spec table is Go's, and the hot loop's literal event numbers are the table's. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { specOf, specsOf } from "../../src/trace/spec.ts";
import { repoRoot } from "../support/cache.ts";
import { goRoot, goUnavailable } from "../support/go.ts";
import { requireOrSkip } from "../support/require.ts";

const skip = requireOrSkip("the spec table against Go's", await goUnavailable());

describe("the spec table", () => {
  it("has the numbers the hot loop's literals say", () => {
    const source = readFileSync(join(repoRoot, "src/trace/order.ts"), "utf8");
    const cases = [...source.matchAll(/case (\d+) \/\* (\w+) \*\/:/g)].map(([, number, name]) => [
      Number(number),
      name,
    ]);
    expect(cases.length).toBeGreaterThan(8);
    for (const [number, name] of cases)
      expect([number, specOf(number as number)?.name]).toEqual([number, name]);
  });

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
