import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { startAgent, type LogLine, type RunningAgent } from "../support/agent.ts";
import { goToolTrace, goUnavailable, type GoVersion } from "../support/go.ts";
import { requireOrSkip } from "../support/require.ts";
import { startShop, type Shop } from "../support/shop.ts";

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

function keep<T extends AsyncDisposable>(thing: T): T {
  open.push(thing);
  return thing;
}

/** The shop runs its own runtime/trace.FlightRecorder and serves it. */
const recording = (version: GoVersion): Promise<Shop> =>
  startShop({ version, args: ["-flight-recorder", "-load", "40"] });

const watching = (shop: Shop, trace: string, more = ""): string => `
scrape_configs:
  - job_name: shop
    static_configs: [{ targets: ["${new URL(shop.debugUrl).host}"] }]
    trace: ${trace}
${more}`;

const SLOW = `
triggers:
  - name: slow-checkout
    when: { signal: task_duration_seconds, labels: { task: checkout }, above: 50ms }
    capture: { before: 100ms, after: 500ms, profiles: [goroutine] }
    limits: { cooldown: 1h }
`;

async function storedTrace(agent: RunningAgent, accepts: (line: LogLine) => boolean): Promise<string> {
  const line = await agent.event((event) => event.event === "upload.completed" && accepts(event), 60_000);
  return join(String(line["location"]), String(line["prefix"]), "trace.out");
}

const sealed = (agent: RunningAgent): readonly LogLine[] =>
  agent.events().filter((line) => line.event === "generation.sealed");

describe.each(["1.25", "1.26", "1.27"] as const)(
  "a FlightRecorder inside a Go %s service",
  async (version) => {
    const skip = requireOrSkip(`a flight recorder of Go ${version}`, await goUnavailable(version));

    it.skipIf(skip)(
      "is read on a schedule; its signals fire rules, and the capture is a snapshot taken then",
      { timeout: 180_000 },
      async () => {
        const shop = keep(await recording(version));
        const agent = keep(
          await startAgent({ config: watching(shop, "{ mode: snapshot, interval: 2s }", SLOW) }),
        );
        const file = await storedTrace(agent, () => true);
        const dump = await goToolTrace(file, { version, keep: (line) => line.includes('"checkout"') });
        expect(dump).toMatchObject({ exitCode: 0, stderr: "" });
        expect(dump.lines.length).toBeGreaterThan(10);
        const [capture] = await agent.captures();
        // Taken when the tail was over, and not before: the moment and what came after it are in it.
        expect(capture?.manifest.window).toMatchObject({ complete: true });

        // A snapshot holds what the one before held: nothing is reported twice.
        await agent.event((line) => line.event === "generation.sealed" && sealed(agent).length >= 8);
        const numbers = sealed(agent).map((line) => Number(line["generation"]));
        expect(new Set(numbers).size).toBe(numbers.length);
        expect((await agent.targets())[0]).toMatchObject({
          mode: "snapshot",
          trace_format: expect.anything(),
        });
      },
    );
  },
);

const skip = requireOrSkip("sources beside a real Go service", await goUnavailable("1.26"));

describe.each(["1.21", "1.22", "1.26"] as const)("windows of a Go %s service", async (version) => {
  const skipped = requireOrSkip(`polling a service of Go ${version}`, await goUnavailable(version));

  it.skipIf(skipped)(
    "are read with the tracer free in between, and captured as traces of their own",
    { timeout: 180_000 },
    async () => {
      const shop = keep(await startShop({ version, args: ["-load", "40"] }));
      // Go 1.21 is asked for a stream, and recognised as one that cannot be cut.
      const mode = version === "1.21" ? "stream" : "poll";
      const trace = `{ mode: ${mode}, window: 1s, interval: 4s }`;
      const agent = keep(await startAgent({ config: watching(shop, trace) }));
      const sessions = (): ReadonlySet<unknown> => new Set(sealed(agent).map((line) => line["session"]));
      await expect.poll(() => sessions().size, { timeout: 60_000 }).toBeGreaterThanOrEqual(2);
      expect((await agent.targets())[0]).toMatchObject({ mode: "poll" });
      const direct = async (): Promise<number> => {
        const answer = await fetch(`${shop.debugUrl}/debug/pprof/trace?seconds=0.1`);
        await answer.arrayBuffer();
        return answer.status;
      };
      await expect.poll(direct, { timeout: 60_000 }).toBe(200);

      const answer = await agent.post("/api/v1/targets/shop/capture?before=5s&after=0s");
      const { id } = JSON.parse(answer.text) as { id: string };
      const file = await storedTrace(agent, (line) => line["id"] === id);
      const dump = await goToolTrace(file, { version });
      expect(dump.exitCode, dump.stderr).toBe(0);
      expect(dump.lineCount).toBeGreaterThan(100);
    },
  );
});

describe.skipIf(skip)("trace.mode: snapshot", { timeout: 150_000 }, () => {
  it("is what a flight recorder's endpoint needs: as a stream it is not asked again and again, and the log says why", async () => {
    const shop = keep(await recording("1.26"));
    const agent = keep(
      await startAgent({ config: watching(shop, "{ path: /debug/flightrecorder, interval: 1h }") }),
    );
    const refused = await agent.event((line) => line.event === "stream.refused");
    expect(refused).toMatchObject({ code: "scrape_unsupported", level: "warn", retry_in_ms: 3_600_000 });
    expect(String(refused["hint"])).toMatch(/trace\.mode snapshot/);
    expect(agent.events().filter((line) => line.event === "stream.opened").length).toBeLessThan(20);
    // What it sent was a trace, so it is kept.
    expect((await agent.targets())[0]).toMatchObject({ state: "waiting", trace_format: "1.26" });
    expect(sealed(agent).length).toBeGreaterThan(0);
  });

  it("asks only when a capture wants it, by POST as well, and leaves the stream's slot alone", async () => {
    const shop = keep(await recording("1.26"));
    const agent = keep(
      await startAgent({ config: watching(shop, "{ mode: snapshot, interval: 0s, method: POST }") }),
    );
    const stream = await fetch(`${shop.debugUrl}/debug/pprof/trace?seconds=1`);
    expect((await stream.arrayBuffer()).byteLength).toBeGreaterThan(1000);
    expect(sealed(agent)).toEqual([]);

    const answer = await agent.post("/api/v1/targets/shop/capture?before=1s&after=0s");
    const { id } = JSON.parse(answer.text) as { id: string };
    const file = await storedTrace(agent, (line) => line["id"] === id);
    expect(await goToolTrace(file, { version: "1.26" })).toMatchObject({ exitCode: 0, stderr: "" });
    expect((await agent.captures())[0]?.manifest.window).toMatchObject({ complete: true });
    expect(agent.events().filter((line) => line.event === "snapshot.taken").length).toBe(1);
    // A trace of the past is a snapshot as well.
    expect((await agent.get("/debug/pprof/trace?ago=1s")).status).toBe(200);
  });

  it("says so when the service has no such endpoint", async () => {
    const shop = keep(await startShop({ version: "1.26" }));
    const agent = keep(await startAgent({ config: watching(shop, "{ mode: snapshot }") }));
    const refused = await agent.event((line) => line.event === "stream.refused");
    expect(refused["msg"]).toMatch(/404[\s\S]*start the shop with -flight-recorder/);
    expect((await agent.targets())[0]).toMatchObject({ state: "waiting" });
  });
});

describe.skipIf(skip)("trace.mode: file", { timeout: 150_000 }, () => {
  it("reads what is dropped, once, and says which files are no trace", async () => {
    const shop = keep(await recording("1.26"));
    const folderOf = (agentFolder: string): string => join(agentFolder, "dropped");
    const agent = keep(
      await startAgent({
        config: watching(
          shop,
          // Below the configuration's folder, wherever the agent was started.
          "{ mode: file, folder: dropped, interval: 200ms }",
          `
triggers:
  - name: dropped
    when: { signal: trace_file, above: 0 }
    capture: { before: 5s, after: 0s, profiles: [] }
`,
        ),
      }),
    );
    // A folder that is not there yet is waited for.
    await agent.event((line) => line.event === "stream.refused" && /ENOENT/.test(String(line["msg"])));
    const folder = folderOf(agent.folder);
    await mkdir(folder);
    const snapshot = async (): Promise<Uint8Array> =>
      new Uint8Array(await (await fetch(`${shop.debugUrl}/debug/flightrecorder`)).arrayBuffer());

    // The first look at the folder only notes what is there: it is found by the state going back to normal.
    await waitForTarget(agent, (reason) => /for the next file/.test(reason));
    await writeFile(join(folder, "notes.txt"), "no trace at all, but long enough to be one");
    const whole = await snapshot();
    await writeFile(join(folder, "torn.trace"), whole.subarray(0, whole.length - 100));
    await writeFile(join(folder, ".slow.trace"), whole);
    await rename(join(folder, ".slow.trace"), join(folder, "slow.trace"));

    const rejected = await agent.event((line) => line.event === "snapshot.rejected");
    expect(rejected).toMatchObject({ name: "notes.txt", level: "warn" });
    const taken = await agent.event(
      (line) => line.event === "snapshot.taken" && line["name"] === "slow.trace",
    );
    expect(taken["bytes"]).toBe(whole.length);
    const file = await storedTrace(agent, () => true);
    expect(await goToolTrace(file, { version: "1.26" })).toMatchObject({ exitCode: 0, stderr: "" });
    expect((await readFile(file)).length).toBeGreaterThan(1000);
    expect((await agent.get("/metrics")).text).toMatch(/gorewind_snapshots_total\{.*outcome="rejected"\} \d/);
  });
});

async function waitForTarget(agent: RunningAgent, accepts: (reason: string) => boolean): Promise<void> {
  await expect
    .poll(async () => accepts((await agent.targets())[0]?.reason ?? ""), { timeout: 60_000 })
    .toBe(true);
}
