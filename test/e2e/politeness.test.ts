import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { startAgent, type RunningAgent } from "../support/agent.ts";
import { goToolTrace, goUnavailable, goVersions, type GoChoice } from "../support/go.ts";
import { memoryOf, run } from "../support/process.ts";
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

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), "gorewind-politeness-"));
  keep({ [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) });
  return path;
}

async function shopAndAgent(
  version: GoChoice = "local",
  args: readonly string[] = ["-load", "30"],
): Promise<{ shop: Shop; agent: RunningAgent }> {
  const shop = keep(await startShop({ version, args }));
  const agent = keep(
    await startAgent({
      config: `
scrape_configs:
  - job_name: shop
    static_configs: [{ targets: ["${new URL(shop.debugUrl).host}"] }]
`,
    }),
  );
  return { shop, agent };
}

const sealed = (agent: RunningAgent, n: number): Promise<unknown> =>
  agent.event((line) => line.event === "generation.sealed" && Number(line["generation"]) >= n);

/** As people do it: `curl -o FILE URL`. Gives the status, and curl's exit code. */
async function curl(url: string, file: string, ...more: string[]): Promise<{ status: number; exit: number }> {
  const { stdout, exitCode } = await run("curl", ["-s", "-o", file, "-w", "%{http_code}", ...more, url]);
  return { status: Number(stdout), exit: exitCode };
}

/** Seconds from the first event to the last in a dump of `go tool trace`. */
function spanOf(lines: readonly string[]): number {
  const times = lines.flatMap((line) => {
    const at = / Time=(\d+)/.exec(line)?.[1];
    return at === undefined ? [] : [Number(at)];
  });
  return (Math.max(...times.slice(-1000)) - Math.min(...times.slice(0, 1000))) / 1e9;
}

describe.each(goVersions())("the trace of a Go %s service, from the agent", async (version) => {
  const skip = requireOrSkip(`pprof by way of the agent with Go ${version}`, await goUnavailable(version));

  it.skipIf(skip)(
    "is served live and from the past while the stream goes on, and opens in that Go's own tool",
    { timeout: 180_000 },
    async () => {
      const { agent } = await shopAndAgent(version);
      await sealed(agent, 3);
      const path = await folder();
      const live = join(path, "live");
      const past = join(path, "past");
      const between = join(path, "between");
      const ago = (seconds: number): string => new Date(Date.now() - seconds * 1000).toISOString();
      const answers = await Promise.all([
        curl(`${agent.url}/debug/pprof/trace?seconds=3`, live),
        curl(`${agent.url}/debug/pprof/trace?ago=2s&seconds=1`, past),
        curl(`${agent.url}/debug/pprof/trace?from=${ago(2)}&to=${ago(1)}`, between),
      ]);
      expect(answers).toEqual([
        { status: 200, exit: 0 },
        { status: 200, exit: 0 },
        { status: 200, exit: 0 },
      ]);
      const liveDump = await goToolTrace(live, { version });
      expect(liveDump).toMatchObject({ exitCode: 0, stderr: "" });
      expect(spanOf(liveDump.lines)).toBeGreaterThanOrEqual(2.8);
      for (const file of [past, between]) {
        const dump = await goToolTrace(file, { version });
        expect(dump).toMatchObject({ exitCode: 0, stderr: "" });
        expect(spanOf(dump.lines)).toBeGreaterThanOrEqual(0.9);
      }
      // Nobody took the tracer from the agent meanwhile.
      expect(agent.events().filter((line) => line.event === "stream.ended")).toEqual([]);
    },
  );
});

const skip = requireOrSkip("politeness beside a real Go service", await goUnavailable());

describe.skipIf(skip)("pprof by way of the agent", { timeout: 180_000 }, () => {
  it("passes profiles on: go tool pprof reads them from the agent", async () => {
    const { agent } = await shopAndAgent();
    await sealed(agent, 1);
    const top = await run("go", ["tool", "pprof", "-top", `${agent.url}/debug/pprof/heap`]);
    expect(top.exitCode).toBe(0);
    expect(top.stdout).toMatch(/Type: inuse_space[\s\S]*flat%/);
    const cpu = await run("go", ["tool", "pprof", "-top", `${agent.url}/debug/pprof/profile?seconds=1`]);
    expect(cpu.stdout).toMatch(/Type: cpu/);
    const goroutines = await agent.get("/debug/pprof/goroutine?debug=1");
    expect(goroutines.text).toMatch(/^goroutine profile: total \d+/);
    const index = await agent.get("/debug/pprof/");
    expect(index.text).toMatch(/goroutine[\s\S]*heap[\s\S]*mutex/);
    expect((await agent.get("/debug/pprof/nothing")).status).toBe(404);
    expect((await agent.get("/debug/pprof/..%2f..%2fmetrics")).status).toBe(400);
  });

  it("reads one of a kind at a time from a target", async () => {
    const { agent } = await shopAndAgent();
    const both = await Promise.all([
      agent.get("/debug/pprof/profile?seconds=1"),
      agent.get("/debug/pprof/profile?seconds=1"),
    ]);
    expect(new Set(both.map(({ status }) => status))).toEqual(new Set([200, 429]));
    expect((await agent.get("/debug/pprof/profile?seconds=1")).status).toBe(200);
  });

  it("says what it does not understand, and what the ring does not hold", async () => {
    const { agent } = await shopAndAgent();
    await sealed(agent, 1);
    for (const query of ["seconds=x", "seconds=1h", "seconds=0", "ago=x", "from=yesterday", "seconds=601"]) {
      expect((await agent.get(`/debug/pprof/trace?${query}`)).status, query).toBe(400);
    }
    expect((await agent.get("/debug/pprof/trace?target=nobody")).status).toBe(404);
    const long = await agent.get("/debug/pprof/trace?from=2020-01-01T00:00:00Z&to=2020-01-01T00:00:10Z");
    expect(long.status).toBe(404);
    expect(long.text).toMatch(/it reaches from 20\d\d-/);
  });

  it("cuts a reader off that does not read, and records on", async () => {
    const { agent, shop } = await shopAndAgent("local", ["-chatty"]);
    await sealed(agent, 1);
    const { hostname, port } = new URL(agent.url);
    const socket = createConnection(Number(port), hostname);
    keep({
      [Symbol.asyncDispose]: async () => {
        socket.destroy();
      },
    });
    socket.on("error", () => undefined).pause();
    socket.write("GET /debug/pprof/trace?seconds=600 HTTP/1.1\r\nHost: x\r\n\r\n");
    const before = await memoryOf(shop.pid);
    await agent.event((line) => line.event === "follower.dropped", 90_000);
    const last = Number(
      agent.events().findLast((line) => line.event === "generation.sealed")?.["generation"],
    );
    await sealed(agent, last + 1);
    // It would have grown by what it could not send; a busy machine's agent may lag by a part of that.
    const sent = agent
      .events()
      .filter((line) => line.event === "generation.sealed")
      .reduce((sum, line) => sum + Number(line["bytes"]), 0);
    const grown = (await memoryOf(shop.pid)).resident - before.resident;
    expect(grown).toBeLessThan(Math.max(64 * 1024 * 1024, sent / 2));
  });
});

describe.skipIf(skip)("the budget of a target", { timeout: 180_000 }, () => {
  const budgeted = (shop: Shop, budget: string, more = ""): string => `
scrape_configs:
  - job_name: shop
    static_configs: [{ targets: ["${new URL(shop.debugUrl).host}"] }]
    metrics: { interval: 1s }
    budget: ${budget}
${more}`;

  it("records for a part of the time when the trace is larger than it may be, and says so", async () => {
    // About 100 KiB a second, less on a busy machine.
    const shop = keep(await startShop({ args: ["-load", "100"] }));
    const agent = keep(
      await startAgent({ config: budgeted(shop, "{ max_bytes_per_second: 16KiB, settle: 2s }") }),
    );
    const held = await agent.event((line) => line.event === "stream.held");
    expect(held).toMatchObject({ how: "paused", level: "warn" });
    expect(String(held["reason"])).toMatch(/the trace is .*iB\/s, max_bytes_per_second is 16KiB/);
    const [target] = await agent.targets();
    expect(target).toMatchObject({ state: "paused", reason: held["reason"] });
    await agent.event((line) => line.event === "overhead.estimated");
    const metrics = (await agent.get("/metrics")).text;
    expect(metrics).toMatch(/gorewind_stream_held\{.*how="paused"\} 1/);
    expect(metrics).toMatch(/gorewind_target_overhead_ratio\{.*by="estimate"\} \d/);
  });

  it("goes on by itself after a pause, and estimates the cost by the service's own CPU", async () => {
    const shop = keep(await startShop({ args: ["-load", "300"] }));
    const agent = keep(await startAgent({ config: budgeted(shop, "{ max_overhead: 0.5%, settle: 2s }") }));
    const held = await agent.event((line) => line.event === "stream.held");
    expect(String(held["reason"])).toMatch(/an estimated \d.*% of its CPU, max_overhead is 0\.5%/);
    await agent.event((line) => line.event === "stream.resumed", 60_000);
    await agent.event(
      (line) => line.event === "overhead.estimated" && typeof line["measured"] === "number",
      60_000,
    );
  });

  it("leaves a service alone whose memory is above its bound, by its process id", async () => {
    const shop = keep(await startShop({ args: ["-load", "20"] }));
    const agent = keep(
      await startAgent({ config: budgeted(shop, `{ max_memory: 1MiB, pid_file: shop.pid }`) }),
    );
    await writeFile(join(agent.folder, "shop.pid"), `${shop.pid}\n`);
    const held = await agent.event((line) => line.event === "stream.held");
    expect(String(held["reason"])).toMatch(/of memory resident, above max_memory 1MiB/);
  });

  it("is not captured automatically while the agent itself is too large", async () => {
    const shop = keep(await startShop({ args: ["-load", "20"] }));
    const agent = keep(
      await startAgent({
        config: budgeted(
          shop,
          "{}",
          `
triggers: [{ name: slow, when: { signal: task_duration_seconds, above: 50ms } }]
trigger_limits: { max_agent_memory: 1MiB }
`,
        ),
      }),
    );
    const suppressed = await agent.event((line) => line.event === "trigger.suppressed");
    expect(String(suppressed["msg"])).toMatch(/max_agent_memory is 1MiB/);
  });
});

describe.skipIf(skip)("yielding the tracer", { timeout: 150_000 }, () => {
  it("lets somebody else trace meanwhile, and goes on when it is taken back", async () => {
    const { agent, shop } = await shopAndAgent();
    await sealed(agent, 2);
    const direct = join(await folder(), "direct");
    expect((await curl(`${shop.debugUrl}/debug/pprof/trace?seconds=1`, direct)).status).toBe(500);
    expect(await readFile(direct, "utf8")).toMatch(/already enabled/);

    const answer = await agent.post("/api/v1/targets/shop/yield?for=5m&reason=for%20the%20profiler");
    expect(answer.status).toBe(200);
    const { until } = JSON.parse(answer.text) as { until: string };
    expect(Date.parse(until) - Date.now()).toBeGreaterThan(290_000);
    expect((await agent.targets())[0]).toMatchObject({
      state: "yielded",
      reason: "for the profiler",
      until,
    });
    expect((await agent.get("/metrics")).text).toMatch(/gorewind_stream_held\{.*how="yielded"\} 1/);
    expect((await curl(`${shop.debugUrl}/debug/pprof/trace?seconds=1`, direct)).status).toBe(200);
    expect(await goToolTrace(direct)).toMatchObject({ exitCode: 0, stderr: "" });
    expect((await agent.get("/debug/pprof/trace?seconds=1")).text).toMatch(/for the profiler/);

    const { url } = agent;
    expect((await fetch(`${url}/api/v1/targets/shop/yield`, { method: "DELETE" })).status).toBe(200);
    await agent.event((line) => line.event === "stream.resumed");
    const last = Number(
      agent.events().findLast((line) => line.event === "generation.sealed")?.["generation"],
    );
    await sealed(agent, last + 1);
    expect((await agent.targets())[0]).toMatchObject({ state: "recording" });
  });

  it("ends by itself", async () => {
    const { agent } = await shopAndAgent();
    await sealed(agent, 1);
    expect((await agent.post("/api/v1/targets/shop/yield?for=1s")).status).toBe(200);
    await agent.event((line) => line.event === "stream.resumed");
    expect((await agent.post("/api/v1/targets/shop/yield?for=2d")).status).toBe(400);
    expect((await agent.post("/api/v1/targets/nobody/yield")).status).toBe(404);
    expect((await agent.get("/metrics")).text).toMatch(/gorewind_stream_held\{.*how="yielded"\} 0/);
  });

  it("waits while somebody else holds the tracer, says so, and takes it when it is free", async () => {
    const shop = keep(await startShop({ args: ["-load", "30"] }));
    const gone = new AbortController();
    // Once its answer begins, the other one has the tracer.
    await fetch(`${shop.debugUrl}/debug/pprof/trace?seconds=600`, { signal: gone.signal });
    const agent = keep(
      await startAgent({
        config: `
scrape_configs:
  - job_name: shop
    static_configs: [{ targets: ["${new URL(shop.debugUrl).host}"] }]
`,
      }),
    );
    const refused = await agent.event((line) => line.event === "stream.refused");
    expect(refused).toMatchObject({ code: "scrape_already_enabled" });
    expect(String(refused["hint"])).toMatch(/Datadog|go tool trace/);
    gone.abort();
    await sealed(agent, 1);
  });
});
