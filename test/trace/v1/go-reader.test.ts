/** Event by event against Go's own reader: same events, same times, same order. */

import { readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readTrace } from "../../../src/trace/reader.ts";
import { buildGo, goRoot, goUnavailable } from "../../support/go.ts";
import { repoRoot } from "../../support/cache.ts";
import { start } from "../../support/process.ts";
import { requireOrSkip } from "../../support/require.ts";
import { startShop } from "../../support/shop.ts";
import { describeRows, normalizeTies } from "./describe-rows.ts";
import type { DescribedRow } from "./describe-rows.ts";

const shared = process.env["GOREWIND_SHARED"] ?? join(repoRoot, "..", "shared");
const skip = requireOrSkip("v1 traces against Go's reader", await goUnavailable());
const skipFresh = requireOrSkip("fresh v1 traces", skip ? undefined : await goUnavailable("1.21"));
const testdata = skip ? "" : join(await goRoot(), "src/internal/trace/internal/tracev1/testdata");

async function goEvents(file: string): Promise<DescribedRow[]> {
  await using child = await start(await buildGo("test/go/eventdump-v1"), ["events", file]);
  const rows: DescribedRow[] = [];
  child.onLine((stream, line) => {
    if (stream !== "stdout") return;
    const comma = line.indexOf(",");
    rows.push({ time: Number(line.slice(1, comma)), text: `[${line.slice(comma + 1)}` });
  });
  const exit = await child.exited;
  expect(exit.code, child.lines("stderr").join("\n")).toBe(0);
  return rows;
}

async function expectSame(file: string): Promise<number> {
  const bytes = new Uint8Array(readFileSync(file));
  const ours = describeRows(readTrace(bytes));
  const theirs = await goEvents(file);
  expect(ours.length).toBe(theirs.length);
  const left = normalizeTies(ours);
  const right = normalizeTies(theirs);
  const different = left.findIndex((line, i) => line !== right[i]);
  expect(left.slice(different, different + 3)).toEqual(right.slice(different, different + 3));
  expect(different).toBe(-1);
  for (let i = 1; i < ours.length; i++) {
    if (ours[i]!.time <= ours[i - 1]!.time) throw new Error(`time of row ${i} does not increase`);
  }
  return ours.length;
}

describe.skipIf(skip)("a v1 trace reads as in Go", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gorewind-v1-"));
    await buildGo("test/go/eventdump-v1");
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const canned = skip ? [] : readdirSync(testdata).map((name) => join(testdata, name));
  const tours = ["1.19", "1.21"].map((version) => join(shared, "traces", `tour-go${version}.trace`));
  it.each([...canned, ...tours].map((file) => [basename(file), file] as const))("%s", async (_, file) => {
    expect(await expectSame(file)).toBeGreaterThan(10);
  });

  describe.skipIf(skipFresh)("written by Go 1.21 just now", () => {
    it("by many short tasks and hand-offs", { timeout: 240_000 }, async () => {
      const file = join(folder, "handoffs.trace");
      const binary = await buildGo("bench/trace/handoffs", { version: "1.21" });
      await using child = await start(binary, ["-out", file, "-seconds", "0.1"]);
      expect((await child.exited).code).toBe(0);
      expect(await expectSame(file)).toBeGreaterThan(10_000);
    });

    it("by a service under load, with a CPU profile", { timeout: 240_000 }, async () => {
      await using shop = await startShop({ version: "1.21", args: ["-load", "100"] });
      const profile = fetch(`${shop.debugUrl}/debug/pprof/profile?seconds=1`).then((response) =>
        response.arrayBuffer(),
      );
      const response = await fetch(`${shop.debugUrl}/debug/pprof/trace?seconds=1`);
      const file = join(folder, "shop.trace");
      await writeFile(file, new Uint8Array(await response.arrayBuffer()));
      await profile;
      expect(await expectSame(file)).toBeGreaterThan(1000);
    });
  });
});
