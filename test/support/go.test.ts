import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { mkdtemp, rm, stat, truncate } from "node:fs/promises";
import { get } from "node:http";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { GO_RELEASES, buildGo, goToolTrace, goUnavailable, goVersionString, goVersions, SHOP } from "./go.ts";
import type { GoVersion } from "./go.ts";
import { startLoad } from "./load.ts";
import { cpuSecondsOf, memoryOf, openFilesOf } from "./process.ts";
import { requireOrSkip } from "./require.ts";
import { startShop } from "./shop.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-go-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function download(url: string, file: string): Promise<void> {
  const [response] = (await once(get(url), "response")) as [IncomingMessage];
  expect(response.statusCode).toBe(200);
  await pipeline(response, createWriteStream(file));
}

const versions: readonly GoVersion[] = ["1.21", ...goVersions()];

for (const version of versions) {
  const skip = requireOrSkip(`the shop built with Go ${version}`, await goUnavailable(version));
  describe.skipIf(skip)(`the shop built with Go ${version}`, () => {
    it("writes a trace with the slow checkout that Go's own tool reads to the end", async () => {
      await using shop = await startShop({ version, args: ["-load", "40"] });
      expect(shop.goVersion).toBe(`go${GO_RELEASES[version]}`);
      const file = join(folder, `${version}.trace`);
      await download(`${shop.debugUrl}/debug/pprof/trace?seconds=1`, file);

      const dump = await goToolTrace(file, { version, keep: (line) => line.includes("checkout") });
      expect(dump.exitCode, dump.stderr).toBe(0);
      expect(dump.lineCount).toBeGreaterThan(1000);
      expect(dump.lines.length).toBeGreaterThan(20);

      // A judge that accepts everything is none.
      await truncate(file, 3000);
      expect((await goToolTrace(file, { version })).exitCode).not.toBe(0);
    }, 240_000);
  });
}

const skipLocal = requireOrSkip("the shop", await goUnavailable());
describe.skipIf(skipLocal)("the shop", () => {
  // The first build of a Go version compiles its standard library.
  beforeAll(() => buildGo(SHOP));

  it("is built once for the same sources, also by two at a time", async () => {
    const tags = [`never${process.pid}`];
    const [first, second] = await Promise.all([buildGo(SHOP, { tags }), buildGo(SHOP, { tags })]);
    expect(second).toBe(first);
    expect(first).toContain(await goVersionString());
    const builtAt = (await stat(first)).mtimeMs;
    expect((await stat(await buildGo(SHOP, { tags }))).mtimeMs).toBe(builtAt);
    await rm(first);
  });

  it("makes every fifth checkout slow and no other", async () => {
    await using shop = await startShop();
    // The first connection is slow on a busy machine.
    await (await fetch(`${shop.url}/healthz`)).text();
    const took: number[] = [];
    for (let i = 0; i < 10; i += 1) {
      const sent = performance.now();
      await (await fetch(`${shop.url}/checkout`)).text();
      took.push(performance.now() - sent);
    }
    expect(took.map((ms) => ms >= 80)).toEqual([0, 0, 0, 0, 1, 0, 0, 0, 0, 1].map(Boolean));
  });

  it("answers what an operator asks", async () => {
    await using shop = await startShop({ args: ["-allow-crash"] });
    const load = startLoad({ url: `${shop.url}/checkout?item=7`, ratePerSecond: 100 });
    await load.answered(10);
    const result = await load.stop();
    expect(result.failed).toBe(0);

    const text = async (url: string): Promise<string> => (await fetch(url)).text();
    expect(await text(`${shop.url}/healthz`)).toBe("ok\n");
    const metrics = await text(`${shop.debugUrl}/metrics`);
    expect(metrics).toContain(
      `http_request_duration_seconds_count{handler="/checkout"} ${result.answered}\n`,
    );
    expect(metrics).toMatch(/^process_cpu_seconds_total [\d.e-]+$/m);
    expect(metrics).toMatch(/^go_goroutines \d+$/m);
    expect(JSON.parse(await text(`${shop.debugUrl}/debug/vars`))).toHaveProperty("memstats");
    expect((await fetch(`${shop.url}/checkout?item=x`)).status).toBe(400);
    expect((await fetch(`${shop.debugUrl}/debug/flightrecorder`)).status).toBe(404);

    const memory = await memoryOf(shop.pid);
    expect(memory.peak).toBeGreaterThanOrEqual(memory.resident);
    expect(await cpuSecondsOf(shop.pid)).toBeLessThan(60);
    expect(await openFilesOf(shop.pid)).toBeGreaterThan(3);

    await fetch(`${shop.url}/crash`).catch(() => {});
    expect(await shop.child.exited).toEqual({ code: 2, signal: null });
    expect(shop.child.lines("stderr").join("\n")).toContain("panic: crash asked for by a request");
  });

  it("ends gracefully on SIGTERM, even while it is recorded", async () => {
    await using shop = await startShop({ args: ["-load", "20"] });
    const request = get(`${shop.debugUrl}/debug/pprof/trace?seconds=600`);
    const [stream] = (await once(request, "response")) as [IncomingMessage];
    const closed = new Promise((resolve) => stream.on("error", () => {}).once("close", resolve));
    stream.resume();
    expect(await shop.child.stop()).toEqual({ code: 0, signal: null });
    await closed;
  });

  it("dies of SIGKILL at once", async () => {
    await using shop = await startShop();
    expect(await shop.child.kill9()).toEqual({ code: null, signal: "SIGKILL" });
  });
});

const newGo = "1.26";
const skipRecorder = requireOrSkip("the shop's own flight recorder", await goUnavailable(newGo));
describe.skipIf(skipRecorder)("the shop's own flight recorder", () => {
  beforeAll(() => buildGo(SHOP, { version: newGo }));

  it("serves a trace while another one is taken", async () => {
    await using shop = await startShop({ version: newGo, args: ["-load", "40", "-flight-recorder"] });
    await download(`${shop.debugUrl}/debug/pprof/trace?seconds=1`, join(folder, "stream.trace"));
    const file = join(folder, "recorder.trace");
    await download(`${shop.debugUrl}/debug/flightrecorder`, file);
    const dump = await goToolTrace(file, { version: newGo, keep: (line) => line.includes("checkout") });
    expect(dump.exitCode, dump.stderr).toBe(0);
    expect(dump.lines.length).toBeGreaterThan(0);
  });
});
