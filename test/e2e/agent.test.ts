import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { startAgent, type RunningAgent } from "../support/agent.ts";
import { repoRoot } from "../support/cache.ts";
import { goToolTrace, goUnavailable } from "../support/go.ts";
import { run } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";
import { startShop, type Shop } from "../support/shop.ts";

const skip = requireOrSkip("the agent beside a real Go service", await goUnavailable());

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

function keep<T extends AsyncDisposable>(thing: T): T {
  open.push(thing);
  return thing;
}

const watching = (shop: Shop, more = ""): string => `
scrape_configs:
  - job_name: shop
    static_configs: [{ targets: ["${new URL(shop.debugUrl).host}"] }]
${more}`;

async function shopAndAgent(more = ""): Promise<{ shop: Shop; agent: RunningAgent }> {
  const shop = keep(await startShop({ args: ["-load", "30"] }));
  const agent = keep(await startAgent({ config: watching(shop, more) }));
  return { shop, agent };
}

const sealed = (agent: RunningAgent, n: number): Promise<unknown> =>
  agent.event((line) => line.event === "generation.sealed" && Number(line["generation"]) >= n);

/** The folder of the capture that a response or an event names. */
async function stored(agent: RunningAgent, id: string): Promise<string> {
  const line = await agent.event((event) => event.event === "upload.completed" && event["id"] === id);
  return join(String(line["location"]), String(line["prefix"]));
}

describe.skipIf(skip)("gorewind run", { timeout: 150_000 }, () => {
  it("captures on request, shows the capture, and hands out its files", async () => {
    const { agent } = await shopAndAgent();
    await sealed(agent, 2);
    const answer = await agent.post(
      "/api/v1/targets/shop/capture?before=1s&after=0s&reason=looking%20at%20it",
    );
    expect(answer.status).toBe(202);
    const { id } = JSON.parse(answer.text) as { id: string };
    const folder = await stored(agent, id);

    const [capture] = await agent.captures();
    expect(capture).toMatchObject({ id, place: "store" });
    expect(capture?.manifest.reasons[0]).toMatchObject({
      rule: "manual",
      kind: "manual",
      message: "looking at it",
    });
    const trace = await agent.get(`/api/v1/captures/${id}/trace.out`);
    expect(trace.status).toBe(200);
    expect((await readFile(join(folder, "trace.out"), "utf8")) === trace.text).toBe(true);
    expect((await agent.get(`/api/v1/captures/${id}/../../../../etc/passwd`)).status).toBe(404);
    expect((await agent.get(`/api/v1/captures/${id}/..%2f..%2fgorewind.yaml`)).status).toBe(404);
    expect((await agent.get("/api/v1/captures/20260101t000000000-zzzzzzzzzzzzz/trace.out")).status).toBe(404);
  });

  it("captures every target at SIGUSR2", async () => {
    const { agent } = await shopAndAgent();
    await sealed(agent, 1);
    agent.child.signal("SIGUSR2");
    const done = await agent.event((line) => line.event === "capture.completed");
    await stored(agent, String(done["id"]));
    const [capture] = await agent.captures();
    expect(capture?.manifest.reasons[0]).toMatchObject({ kind: "signal", message: "asked for by SIGUSR2" });
  });

  it("still holds the last seconds after the target was killed, and captures them", async () => {
    const { shop, agent } = await shopAndAgent();
    await sealed(agent, 3);
    const diedAt = Date.now();
    await shop.child.kill9();
    await agent.event((line) => line.event === "stream.ended");
    const [target] = await agent.targets();
    expect(target?.ring.generations).toBeGreaterThanOrEqual(2);
    const { id } = JSON.parse((await agent.post("/api/v1/targets/shop/capture")).text) as { id: string };
    const folder = await stored(agent, id);
    const dump = await goToolTrace(join(folder, "trace.out"));
    expect(dump).toMatchObject({ exitCode: 0, stderr: "" });
    const [capture] = await agent.captures();
    expect(diedAt - Date.parse(capture?.manifest.window?.end ?? "")).toBeLessThan(2500);
    // The profiles of a dead process cannot be had, and the manifest says so.
    const profiles = capture?.manifest.omitted.filter(({ name }) => name.endsWith(".pb.gz"));
    expect(profiles?.map(({ name }) => name).sort()).toEqual(["goroutine.pb.gz", "heap.pb.gz"]);
    expect(capture?.manifest.window?.complete).toBe(false);
  });

  it("goes on in a new session when the target is back", async () => {
    const { shop, agent } = await shopAndAgent();
    await sealed(agent, 1);
    await shop.child.kill9();
    const port = Number(new URL(shop.debugUrl).port);
    keep(await startShop({ debugPort: port, args: ["-load", "30"] }));
    const opened = () => agent.events().filter((line) => line.event === "stream.opened");
    await agent.event(
      (line) => line.event === "stream.opened" && line["session"] !== opened()[0]?.["session"],
    );
    const second = opened().at(-1)?.["session"];
    await agent.event((line) => line.event === "generation.sealed" && line["session"] === second);
    expect((await agent.targets())[0]).toMatchObject({ state: "recording" });
  });

  it("reloads at SIGHUP and by POST, and keeps the old configuration when the new one is bad", async () => {
    const { shop, agent } = await shopAndAgent();
    await sealed(agent, 1);
    const session = agent.events().find((line) => line.event === "stream.opened")?.["session"];
    await agent.configure(watching(shop, "trigers: []\n"));
    const refused = await agent.post("/-/reload");
    expect(refused.status).toBe(400);
    expect(refused.text).toMatch(/trigers/);
    expect(refused.text).toMatch(/did you mean triggers\?/);
    expect((await agent.get("/metrics")).text).toMatch(/^gorewind_config_last_reload_successful 0$/m);

    await agent.configure(
      watching(shop, `triggers: [{ name: any, when: { signal: task_duration_seconds, above: 60ms } }]\n`),
    );
    agent.child.signal("SIGHUP");
    await agent.event((line) => line.event === "trigger.fired" && line["rule"] === "any");
    expect((await agent.get("/metrics")).text).toMatch(/^gorewind_config_last_reload_successful 1$/m);
    // The target is as it was, so its recording was not interrupted.
    const sessions = new Set(
      agent
        .events()
        .filter((line) => line.event === "stream.opened")
        .map((line) => line["session"]),
    );
    expect([...sessions]).toEqual([session]);
  });

  it("serves health, readiness, and the metrics of the agent and of the target", async () => {
    const { agent } = await shopAndAgent();
    await sealed(agent, 2);
    expect((await agent.get("/-/healthy")).status).toBe(200);
    expect((await agent.get("/-/ready")).status).toBe(200);
    await agent.event((line) => line.event === "generation.analysed");
    const { text } = await agent.get("/metrics");
    expect(text).toMatch(/^gorewind_task_duration_seconds_bucket\{.*le="0\.1".*task="checkout".*\} [1-9]/m);
    expect(text).toMatch(/^gorewind_heap_live_bytes\{target="shop@/m);
    expect(text).toMatch(/^gorewind_stream_up\{target="shop@[^"]+"\} 1$/m);
    expect(text).toMatch(/^gorewind_build_info\{version="\d+\.\d+\.\d+",node="v\d+/m);
  });

  it("says why each rule fires, or does not", async () => {
    const rules = `
triggers:
  - { name: slow, when: { signal: task_duration_seconds, labels: { task: checkout }, above: 50ms }, limits: { cooldown: 1h } }
  - { name: never, when: { signal: stw_pause_seconds, above: 10s } }
`;
    const { agent } = await shopAndAgent(rules);
    await agent.event((line) => line.event === "trigger.suppressed" && line["reason"] === "cooldown");
    const triggers = (...args: readonly string[]) =>
      run(process.execPath, [
        join(repoRoot, "bin", "gorewind.mjs"),
        "triggers",
        "--agent",
        agent.url,
        ...args,
      ]);
    const { exitCode, stdout } = await triggers();
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^slow \(warning\): 1 target\n {2}shop@[^\n]*\{task="checkout"\}: .*cooldown/m);
    expect(stdout).toMatch(/fired 1 time/);
    expect(stdout).toMatch(/^never \(warning\): 1 target/m);
    // Of one rule, the last evaluations as well; a job is a target's name where it is its only one.
    const one = await triggers("--rule", "slow", "--target", "shop");
    expect(one.stdout).toMatch(/^ {4}20\S+Z true( \(\d+ in a row\))?$/m);
    expect(one.stdout).not.toMatch(/never/);
    expect(await triggers("--rule", "slwo")).toMatchObject({
      exitCode: 1,
      stderr: expect.stringMatching(/no rule is called slwo; the rules are slow, never/) as string,
    });
    expect((await triggers("--target", "shpo")).stderr).toMatch(/no target is called shpo\ntargets: shop@/);
  });

  it("stops cleanly at SIGTERM, with the capture in progress stored", async () => {
    const { agent } = await shopAndAgent();
    await sealed(agent, 1);
    const { id } = JSON.parse((await agent.post("/api/v1/targets/shop/capture?after=1s")).text) as {
      id: string;
    };
    const exit = await agent.child.stop(20_000);
    expect(exit).toEqual({ code: 0, signal: null });
    const said = agent.events().map((line) => line.event);
    expect(said).toContain("agent.stopped");
    expect(agent.events().some((line) => line.event === "upload.completed" && line["id"] === id)).toBe(true);
  });
});

describe("gorewind's command line", () => {
  const gorewind = (...args: string[]) =>
    run(process.execPath, [join(repoRoot, "bin", "gorewind.mjs"), ...args]);

  it("refuses a bad configuration with the place and the nearest key, and exit code 2", async () => {
    const file = join(process.env["TMPDIR"] ?? "/tmp", `gorewind-bad-${process.pid}.yaml`);
    await writeFile(file, "scrape_config:\n  - job_name: a\n");
    for (const args of [
      ["run", "--config", file],
      ["check", "config", file],
    ]) {
      const { exitCode, stderr } = await gorewind(...args);
      expect(exitCode).toBe(2);
      expect(stderr).toMatch(`${file}:1:1: scrape_config: unknown key; did you mean scrape_configs?`);
    }
  });

  it("says what it does not know", async () => {
    expect(await gorewind("rum")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/Did you mean run\?/) as string,
    });
    expect(await gorewind("check", "config", "/nowhere.yaml")).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/cannot read \/nowhere\.yaml \(ENOENT\)/) as string,
    });
  });

  it("accepts the shipped configuration", async () => {
    const { exitCode, stdout } = await gorewind("check", "config", join(repoRoot, "config", "gorewind.yaml"));
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/ok: 1 target, 3 triggers, store s3/);
  });
});
