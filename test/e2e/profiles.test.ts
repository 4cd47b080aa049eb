import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "vitest";
import { startAgent } from "../support/agent.ts";
import { buildGo, goEnv, goToolTrace, goUnavailable } from "../support/go.ts";
import { run, start } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const each of open.splice(0).reverse()) await each[Symbol.asyncDispose]();
});

function keep<T extends AsyncDisposable>(thing: T): T {
  open.push(thing);
  return thing;
}

/** What go tool pprof must find in each, by the name of its file. */
const IN_EACH: Readonly<Record<string, RegExp>> = {
  "goroutine.pb.gz": /main\.work/,
  "heap.pb.gz": /Type: inuse_space/,
  "allocs.pb.gz": /Type: alloc_space/,
  "threadcreate.pb.gz": /Type: threadcreate/,
  "block.pb.gz": /Type: delay/,
  "mutex.pb.gz": /Type: delay[\s\S]*main\.work/,
  "cpu.pb.gz": /Type: cpu[\s\S]*main\.(spin|work)/,
  "example.com_shop_orders.pb.gz": /Type: example\.com\/shop\/orders/,
};
const LEAKS = "goroutineleak.pb.gz";

describe.each(["1.22", "1.27"] as const)("the profiles of a Go %s service", async (version) => {
  const skip = requireOrSkip(`all profiles of Go ${version}`, await goUnavailable(version));

  it.skipIf(skip)(
    "are taken with a capture, its own and the delta ones too, and the CPU's samples are in the trace",
    { timeout: 180_000 },
    async () => {
      const service = keep(await start(await buildGo("test/go/tlspprof", { version }), []));
      const line = await service.line((text) => text.startsWith("listening "));
      const agent = keep(
        await startAgent({
          config: `
scrape_configs:
  - job_name: service
    static_configs: [{ targets: ["${line.slice("listening ".length)}"] }]
    profiles:
      every: 2s
      list: [goroutine, heap, allocs, threadcreate, goroutineleak, example.com/shop/orders, { block: 1s }, { mutex: 1s }]
triggers:
  - name: always
    when: { signal: goroutines, across: sum, above: 0 }
    capture:
      before: 0s
      after: 3s
      profiles: [goroutine, heap, allocs, threadcreate, goroutineleak, example.com/shop/orders, { block: 1s }, { mutex: 1s }, { cpu: 1s }]
    limits: { cooldown: 1h }
`,
        }),
      );
      const stored = await agent.event((event) => event.event === "upload.completed", 60_000);
      const folder = join(String(stored["location"]), String(stored["prefix"]));
      const leaks = version === "1.27";
      const [capture] = await agent.captures();
      const omitted = capture?.manifest.omitted ?? [];
      // The one that this Go does not have is said to be missing, and why.
      expect(omitted.map(({ name }) => name)).toEqual(leaks ? [] : [LEAKS]);
      if (!leaks) expect(omitted[0]?.reason).toMatch(/404.*Unknown profile/);

      // Without a binary to look into, the names are those in the profile.
      const quiet = { ...goEnv(), PPROF_BINARY_PATH: join(agent.folder, "none") };
      await mkdir(quiet.PPROF_BINARY_PATH);
      const wanted = { ...IN_EACH, ...(leaks && { [LEAKS]: /main\.work/ }) };
      expect((await readdir(folder)).filter((name) => name.endsWith(".pb.gz")).sort()).toEqual(
        Object.keys(wanted).sort(),
      );
      for (const [name, text] of Object.entries(wanted)) {
        const top = await run("go", ["tool", "pprof", "-top", join(folder, name)], { env: quiet });
        expect(top.exitCode, `${name}: ${top.stderr}`).toBe(0);
        expect(top.stdout, name).toMatch(text);
      }

      const samples = await goToolTrace(join(folder, "trace.out"), {
        version,
        keep: (event) => event.includes("StackSample"),
      });
      expect(samples).toMatchObject({ exitCode: 0, stderr: "" });
      expect(samples.lines.length).toBeGreaterThan(3);

      // At its interval each is read that the service's index page lists, and no other.
      const asked = [
        "goroutine",
        "heap",
        "allocs",
        "threadcreate",
        "example.com/shop/orders",
        "block",
        "mutex",
      ];
      for (const name of [...asked, ...(leaks ? ["goroutineleak"] : [])]) {
        await agent.event((event) => event.event === "scrape.completed" && event["name"] === name);
      }
      const failed = agent.events().filter((event) => event.event === "scrape.failed");
      expect(failed.filter((event) => event["what"] === "profile")).toEqual([]);
    },
  );
});
