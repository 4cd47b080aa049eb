import {
  appendFileSync,
  copyFileSync,
  createWriteStream,
  renameSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { startAgent, type RunningAgent } from "../support/agent.ts";
import { goUnavailable, goVersionString } from "../support/go.ts";
import { run } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";
import { startShop, type Shop } from "../support/shop.ts";

const skip = requireOrSkip(
  "what is read beside the trace of a real Go service",
  (await goUnavailable()) ?? (await goUnavailable("1.22")),
);

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

function keep<T extends AsyncDisposable>(thing: T): T {
  open.push(thing);
  return thing;
}

const watching = (shop: Shop, more: string, triggers: string): string => `
scrape_configs:
  - job_name: shop
    static_configs: [{ targets: ["${new URL(shop.debugUrl).host}"] }]
${more}
triggers:
${triggers}
`;

/** A rule that fires when the signal was seen above `above`, and captures as little as can be. */
const rule = (name: string, when: string): string =>
  `  - { name: ${name}, when: ${when}, capture: { before: 0s, after: 0s, profiles: [goroutine] }, limits: { cooldown: 1h } }`;

async function fired(agent: RunningAgent, ...rules: readonly string[]): Promise<void> {
  for (const name of rules) {
    await agent.event((line) => line.event === "trigger.fired" && line["rule"] === name);
  }
}

describe.skipIf(skip)("what is read beside the trace", { timeout: 180_000 }, () => {
  it("makes signals of metrics, expvars, probes and profiles, and names the Go version in the manifest", async () => {
    const shop = keep(await startShop({ args: ["-load", "50"] }));
    const agent = keep(
      await startAgent({
        config: watching(
          shop,
          `
    metrics: { interval: 1s }
    vars: { interval: 1s }
    probes:
      - { name: home, url: "${shop.url}/healthz", interval: 1s }
      - { name: missing, path: /no/such/page, interval: 1s }
    profiles: { every: 2s, list: [goroutine, heap, threadcreate, { mutex: 1s }, { cpu: 1s }, nonsense] }`,
          [
            rule("metric", `{ signal: "metric:go_goroutines", above: 1 }`),
            rule("vars", `{ signal: "metric:memstats.Mallocs", above: 1000 }`),
            rule("probe", `{ signal: probe_success, labels: { probe: missing }, below: 1 }`),
            rule("healthy", `{ signal: probe_status, labels: { probe: home }, above: 199 }`),
            rule("heap", `{ signal: heap_inuse_bytes, above: 1KiB }`),
            rule("goroutines", `{ signal: goroutine_profile_count, above: 1 }`),
            rule("threads", `{ signal: threads_created, above: 1 }`),
          ].join("\n"),
        ),
      }),
    );
    await fired(agent, "metric", "vars", "probe", "healthy", "heap", "goroutines", "threads");
    // A profile that the index page does not list is not asked for.
    const scrapes = agent.events().filter((line) => line.event.startsWith("scrape."));
    expect(scrapes.filter((line) => line["name"] === "nonsense")).toEqual([]);
    await agent.event((line) => line.event === "scrape.completed" && line["name"] === "profile");
    const answer = await agent.post("/api/v1/targets/shop/capture?before=0s&after=0s");
    const { id } = JSON.parse(answer.text) as { id: string };
    await agent.event((line) => line.event === "upload.completed" && line["id"] === id);
    const capture = (await agent.captures()).find((each) => each.id === id);
    expect(capture?.manifest.go_version).toBe(await goVersionString());
    expect((await agent.get("/metrics")).text).toMatch(
      /gorewind_scrapes_total\{.*what="metrics",outcome="completed"\} [1-9]/,
    );
  });

  it("notices a restart by the process's own start time", async () => {
    const shop = keep(await startShop({ args: ["-load", "20"] }));
    const debugPort = Number(new URL(shop.debugUrl).port);
    const agent = keep(
      await startAgent({
        config: watching(
          shop,
          `    metrics: { interval: 1s }`,
          rule("restarted", `{ signal: target_restarted, above: 0 }`),
        ),
      }),
    );
    await agent.event((line) => line.event === "scrape.completed");
    await shop.child.kill9();
    const failed = await agent.event((line) => line.event === "scrape.failed");
    expect(failed).toMatchObject({ code: "scrape_connect", what: "metrics", level: "warn" });
    keep(await startShop({ debugPort, args: ["-load", "20"] }));
    await fired(agent, "restarted");
  });

  it("follows schedtrace lines from a named pipe, as Docker's log driver writes them", async () => {
    const env = { GODEBUG: "schedtrace=200" };
    const shop = keep(await startShop({ version: "1.22", args: ["-load", "20"], env }));
    const agent = keep(
      await startAgent({
        config: watching(
          shop,
          `    schedtrace: { file: pipe }`,
          rule("threads", `{ signal: schedtrace_threads, above: 1 }`),
        ),
      }),
    );
    const pipe = join(agent.folder, "pipe");
    expect(await run("mkfifo", [pipe])).toMatchObject({ exitCode: 0 });
    const writer = createWriteStream(pipe);
    shop.child.onLine((stream, line) => {
      const time = new Date().toISOString();
      if (stream === "stderr") writer.write(`${JSON.stringify({ log: `${line}\n`, stream, time })}\n`);
    });
    await fired(agent, "threads");
    writer.destroy();
  });

  it("is all there is where the trace is off: the agent is ready, and captures hold profiles", async () => {
    const shop = keep(await startShop({ version: "1.22", args: ["-load", "20"] }));
    const agent = keep(
      await startAgent({
        config: watching(
          shop,
          `
    trace: { mode: off }
    metrics: { interval: 1s }`,
          rule("metric", `{ signal: "metric:go_goroutines", above: 1 }`),
        ),
      }),
    );
    const done = await agent.event((line) => line.event === "capture.completed");
    expect(done).toMatchObject({ generations: 0, omitted: ["trace.out"] });
    expect((await agent.get("/-/ready")).status).toBe(200);
    const reason = "trace.mode is off: its trace is not recorded";
    expect((await agent.targets())[0]).toMatchObject({ state: "stopped", mode: "off", reason });
    expect((await agent.post("/api/v1/targets/shop/yield")).status).toBe(409);
    expect((await agent.get("/debug/pprof/trace?seconds=1")).text).toMatch(reason);
    expect((await agent.get("/debug/pprof/heap?debug=1")).text).toMatch(/^heap profile/);
  });

  it("follows schedtrace lines over rotations of both kinds", async () => {
    const shop = keep(await startShop({ args: ["-load", "20"], env: { GODEBUG: "schedtrace=200" } }));
    const agent = keep(
      await startAgent({
        config: watching(
          shop,
          `    schedtrace: { file: shop.log }`,
          [
            rule("threads", `{ signal: schedtrace_threads, above: 1 }`),
            rule("idle", `{ signal: schedtrace_idle_procs, above: -1 }`),
            rule("appended", `{ signal: schedtrace_global_runqueue, above: 1000 }`),
            rule("renamed", `{ signal: schedtrace_local_runqueue, above: 1000 }`),
            rule("truncated", `{ signal: schedtrace_spinning_threads, above: 1000 }`),
          ].join("\n"),
        ),
      }),
    );
    const log = join(agent.folder, "shop.log");
    // What the service itself writes, as its container's log would have it.
    shop.child.onLine((stream, line) => {
      if (stream === "stderr") appendFileSync(log, `2026-01-01T00:00:00.0Z stderr F ${line}\n`);
    });
    await fired(agent, "threads", "idle");

    const line = (fields: string, queues = "0 0"): string =>
      `SCHED 1000ms: gomaxprocs=2 idleprocs=0 threads=5 spinningthreads=0 idlethreads=1 runqueue=0 [${queues}]\n`.replace(
        /runqueue=0|spinningthreads=0/g,
        (field) => (fields.startsWith(field.split("=")[0] ?? "") ? fields : field),
      );
    appendFileSync(log, line("runqueue=1001"));
    await fired(agent, "appended");
    // A rename: the last line of the old file counts, and so does the first one of the new.
    renameSync(log, `${log}.1`);
    writeFileSync(log, line("runqueue=0", "2000 1"));
    await fired(agent, "renamed");
    // Copy and truncate.
    copyFileSync(log, `${log}.2`);
    truncateSync(log);
    await agent.event(() => true);
    appendFileSync(log, line("spinningthreads=1001"));
    await fired(agent, "truncated");
  });
});
