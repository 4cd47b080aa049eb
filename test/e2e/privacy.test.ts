import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { startAgent } from "../support/agent.ts";
import { goToolTrace, goUnavailable, goEnv } from "../support/go.ts";
import { run } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";
import { startShop } from "../support/shop.ts";

const skip = requireOrSkip("privacy", await goUnavailable());

/** Names, paths and messages that only the service can have told. */
const SECRETS = /checkout|authorize|inventory|shop\.go|examples\/shop|main\.\(\*|order-\d/;

/** Every file below a folder, unpacked. */
async function contents(folder: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name);
    if (!(await stat(path)).isFile()) continue;
    const bytes = await readFile(path);
    found.set(relative(folder, path), (name.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString("latin1"));
  }
  return found;
}

const config = (address: string, privacy: string): string => `
scrape_configs:
  - job_name: shop
    static_configs: [{ targets: ["${address}"] }]
    ${privacy}
triggers:
  - name: slow-task
    when: { signal: task_duration_seconds, labels: { task: checkout }, above: 1ms }
    capture: { before: 1s, after: 0s, profiles: [goroutine, heap, { cpu: 1s }] }
    limits: { cooldown: 1h }
capture: { report_timeout: 2m }
upload: { index_every: 100ms }`;

describe.skipIf(skip)("privacy", () => {
  it("lets rules see names that nothing on the disk tells", { timeout: 240_000 }, async () => {
    await using shop = await startShop({ args: ["-load", "20"] });
    await using agent = await startAgent({
      config: config(new URL(shop.debugUrl).host, "privacy: { anonymize: all }"),
    });
    const { id } = await agent.event((line) => line.event === "upload.completed", 120_000);
    const [capture] = (await agent.captures()).filter((each) => each.id === id);
    const { location = "", manifest } = capture ?? {};
    expect(manifest).toMatchObject({
      privacy: { anonymized: expect.arrayContaining(["log_values", "task_names", "file_paths"]) as unknown },
      reasons: [
        { rule: "slow-task", labels: { task: expect.stringMatching(/^name-[0-9a-f]{12}$/) as string } },
      ],
    });
    const files = manifest?.files.map(({ name }) => name) ?? [];
    expect(files.sort()).toEqual([
      "cpu.pb.gz",
      "goroutine.pb.gz",
      "heap.pb.gz",
      "report.html",
      "summary.json",
      "trace.out",
    ]);
    for (const folder of ["captures", "spool"]) {
      for (const [name, text] of await contents(join(agent.folder, folder))) {
        expect(SECRETS.exec(text)?.[0], `${folder}/${name}`).toBeUndefined();
      }
    }
    // One name for one task, in the manifest and in the trace.
    const task = manifest?.reasons[0]?.labels?.["task"] ?? "?";
    expect((await readFile(join(location, "trace.out"))).includes(task)).toBe(true);
    const dump = await goToolTrace(join(location, "trace.out"));
    expect(dump).toMatchObject({ exitCode: 0, stderr: "" });
    expect(dump.lines.some((line) => line.includes(task))).toBe(true);
    for (const name of ["cpu", "goroutine", "heap"]) {
      const top = await run("go", ["tool", "pprof", "-top", join(location, `${name}.pb.gz`)], {
        env: goEnv(),
      });
      expect(top).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/flat%/) as string });
    }
  });

  it("would be seen to tell them without a policy", { timeout: 240_000 }, async () => {
    await using shop = await startShop({ args: ["-load", "20"] });
    await using agent = await startAgent({ config: config(new URL(shop.debugUrl).host, "") });
    await agent.event((line) => line.event === "upload.completed", 60_000);
    const telling = [...(await contents(join(agent.folder, "captures")))]
      .filter(([, text]) => SECRETS.test(text))
      .map(([name]) => name.split("/").at(-1));
    for (const name of ["trace.out", "goroutine.pb.gz", "manifest.json"]) {
      expect(telling).toContain(name);
    }
  });
});
