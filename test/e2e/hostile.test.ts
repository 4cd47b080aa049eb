import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { MiB } from "../../src/base/units.ts";
import { startAgent, type RunningAgent } from "../support/agent.ts";
import { goToolTrace, goUnavailable } from "../support/go.ts";
import { MALICES, startHostile } from "../support/hostile.ts";
import { memoryOf, openFilesOf } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";
import { startShop } from "../support/shop.ts";

const skip = requireOrSkip("hostile targets beside a real Go service", await goUnavailable());

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

function keep<T extends AsyncDisposable>(thing: T): T {
  open.push(thing);
  return thing;
}

/** Long enough for every reading to have been tried several times. */
const SIEGE_MS = 15_000;
/** In all, with a dozen targets that each fill what they may: open generations, answers at their limits, one bomb. */
const MAX_RESIDENT = 512 * MiB;
/** What is still allowed to come on top in the siege's second half: nothing piles up. */
const MAX_GROWTH = 96 * MiB;

/** What the agent must have said of some of them: that each was stopped by the bound that is meant for it. */
const SAID: Readonly<Record<string, RegExp>> = {
  "a generation without end": /a generation of \d+ bytes is above the bound of 8388608/,
  "a generation of 1 GB by its own word": /invalid batch size 1000000000/,
  "a body of 1 TB by its own word": /metrics .* larger than 1048576 bytes/,
  "a slow drip": /did not answer \/metrics within 5 s/,
  "a gzip bomb, as a profile and as an encoding": /Cannot create a Buffer larger than 67108864/,
  "a redirect to the metadata address": /answered 302/,
  "headers without end": /was lost in \/debug\/pprof\/trace/,
  "a page of HTML": /no Go execution trace: it begins with/,
};

const beside = `
    trace: { headers_timeout: 3s, idle_timeout: 3s, max_generation_bytes: 8MiB }
    ring: { max_bytes: 1MiB }
    metrics: { interval: 1s, timeout: 5s, max_bytes: 1MiB }
    vars: { interval: 1s, timeout: 5s, max_bytes: 1MiB }
    profiles: { every: 2s, timeout: 5s, max_bytes: 8MiB, list: [heap, goroutine] }
    probes: [{ name: home, path: /, interval: 1s, timeout: 2s }]`;

describe.skipIf(skip)("hostile targets", () => {
  it("harm neither the agent nor the target beside them", { timeout: 240_000 }, async () => {
    const shop = keep(await startShop({ args: ["-load", "30"] }));
    const hostile = await Promise.all(
      Object.entries(MALICES).map(async ([name, malice]) => ({
        name,
        server: keep(await startHostile(malice)),
      })),
    );
    const jobs = hostile.map(
      ({ server }, i) => `
  - job_name: hostile-${i}
    static_configs: [{ targets: ["${server.address}"] }]${beside}`,
    );
    const agent = keep(
      await startAgent({
        config: `
scrape_configs:
  - job_name: shop
    static_configs: [{ targets: ["${new URL(shop.debugUrl).host}"] }]
    metrics: { interval: 1s }
${jobs.join("\n")}
triggers:
  - name: never
    when: { signal: task_duration_seconds, above: 1h }
`,
      }),
    );
    await agent.event((line) => line.event === "generation.sealed");
    const sealedBefore = sealed(agent);
    await sleep(SIEGE_MS / 2);
    const halfway = await memoryOf(agent.child.pid);
    await sleep(SIEGE_MS / 2);

    // It goes on, with bounded memory and files, and the good target was not held up.
    expect((await agent.get("/-/healthy")).status).toBe(200);
    const { peak, resident } = await memoryOf(agent.child.pid);
    expect(peak).toBeLessThan(MAX_RESIDENT);
    expect(resident - halfway.resident).toBeLessThan(MAX_GROWTH);
    expect(await openFilesOf(agent.child.pid)).toBeLessThan(300);
    await expect.poll(() => sealed(agent) - sealedBefore, { timeout: 30_000 }).toBeGreaterThan(9);
    expect(agent.events().filter((line) => line.event === "analyser.restarted")).toEqual([]);
    expect(agent.child.lines("stderr")).toEqual([]);

    for (const [i, { name, server }] of hostile.entries()) {
      const said = SAID[name] ?? /cannot read/;
      await agent.event(
        (line) => String(line["target"]).startsWith(`hostile-${i}@`) && said.test(String(line["msg"])),
      );
      // Each was tried, and not in a tight loop.
      expect(server.requests(), name).toBeGreaterThan(1);
      expect(server.requests(), name).toBeLessThan(200);
      const target = (await agent.targets()).find(({ job }) => job === `hostile-${i}`);
      expect(target?.ring.generations, name).toBe(0);
    }
    // A state is said once, not at every try.
    const warnings = agent.events().filter((line) => line.level === "warn" && line["target"] !== undefined);
    expect(warnings.length).toBeLessThan(hostile.length * 20);

    // The good target can be read as ever, through the agent as well.
    const folder = await mkdtemp(join(tmpdir(), "gorewind-hostile-"));
    keep({ [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) });
    const trace = await fetch(`${agent.url}/debug/pprof/trace?target=shop&ago=3s`);
    await writeFile(join(folder, "trace"), new Uint8Array(await trace.arrayBuffer()));
    expect(await goToolTrace(join(folder, "trace"))).toMatchObject({ exitCode: 0, stderr: "" });
    await Promise.all(
      hostile.map(async ({ name }, i) => {
        const { status } = await agent.get(`/debug/pprof/heap?target=hostile-${i}`);
        expect([200, 302, 502], name).toContain(status);
      }),
    );
  });
});

const sealed = (agent: RunningAgent): number =>
  agent
    .events()
    .filter((line) => line.event === "generation.sealed" && String(line["target"]).startsWith("shop@"))
    .length;
