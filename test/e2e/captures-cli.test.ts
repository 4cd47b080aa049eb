import { mkdtemp, readdir, readFile, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ageProgram, ageUnavailable } from "../support/age.ts";
import { startAgent, type RunningAgent } from "../support/agent.ts";
import { repoRoot } from "../support/cache.ts";
import { goToolTrace, goUnavailable } from "../support/go.ts";
import { run } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";
import { s3Unavailable, startS3, type S3Server } from "../support/s3.ts";
import { startShop } from "../support/shop.ts";

const skip = requireOrSkip(
  "the captures commands",
  (await goUnavailable()) ?? (await s3Unavailable()) ?? (await ageUnavailable()),
);

interface Place {
  /** The agent's `store:`. */
  readonly yaml: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

function onS3(s3: S3Server): Place {
  return {
    yaml: `store: { kind: s3, preset: versitygw, endpoint: "${s3.endpoint}", region: ${s3.region}, bucket: captures, prefix: a/b }`,
    args: ["--store", `s3://captures/a/b?preset=versitygw&endpoint=${s3.endpoint}&region=${s3.region}`],
    env: { AWS_ACCESS_KEY_ID: s3.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.secretAccessKey },
  };
}

async function captureByHand(agent: RunningAgent, reason: string): Promise<string> {
  const { text } = await agent.post(`/api/v1/targets/shop/capture?before=1s&after=0s&reason=${reason}`);
  const { id } = JSON.parse(text) as { id: string };
  await agent.event((line) => line.event === "upload.completed" && line["id"] === id, 120_000);
  return id;
}

describe.skipIf(skip)("gorewind captures", () => {
  it.each(["a folder", "S3"])(
    "lists, fetches, verifies, pins, compares and deletes in %s",
    { timeout: 400_000 },
    async (kind) => {
      const scratch = await mkdtemp(join(tmpdir(), "gorewind-cli-"));
      await using s3 = await startS3({ buckets: ["captures"] });
      const folder = join(scratch, "captures");
      const place: Place =
        kind === "S3"
          ? onS3(s3)
          : { yaml: `store: { kind: filesystem, path: ${folder} }`, args: ["--store", folder], env: {} };
      await using shop = await startShop({ args: ["-load", "20"] });
      await using agent = await startAgent({
        config: `
scrape_configs:
  - { job_name: shop, static_configs: [{ targets: ["${new URL(shop.debugUrl).host}"] }] }
capture: { report_timeout: 2m }
${place.yaml}`,
        env: place.env,
      });
      await agent.event((line) => line.event === "generation.sealed");
      const a = await captureByHand(agent, "first");
      const b = await captureByHand(agent, "second");

      const gorewind = (...args: string[]) =>
        run(process.execPath, [join(repoRoot, "bin", "gorewind.mjs"), ...args, ...place.args], {
          env: { ...process.env, ...place.env, AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true" },
        });
      const listed = async (...args: string[]): Promise<string[]> => {
        const { stdout } = await gorewind("captures", "ls", "--json", "--scan", ...args);
        return stdout
          .split("\n")
          .filter(Boolean)
          .map((line) => (JSON.parse(line) as { id: string }).id);
      };
      expect(await listed()).toEqual([b, a]);
      expect(await listed("--service", "nobody")).toEqual([]);
      expect(await listed("--since", "1h", "--label", "job=shop")).toEqual([b, a]);
      expect((await gorewind("captures", "ls", "--since", "yesterday-ish")).exitCode).toBe(1);
      expect((await listed("--sort", "events")).toSorted()).toEqual([a, b].toSorted());
      const longest = await gorewind(
        "captures",
        "ls",
        "--scan",
        "--sort",
        "sched_wait_max_ns",
        "--limit",
        "1",
      );
      expect(longest.stdout).toMatch(/SCHED_WAIT_MAX_NS.*\n.* \d[\d.]*(ns|µs|ms|s) *\n/);
      expect(await gorewind("captures", "ls", "--sort", "beauty")).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/expected one of created, .*stw_max_ns.*, not "beauty"/) as string,
      });

      const fetched = await gorewind("captures", "get", a.slice(-8), "--output", scratch);
      expect(fetched).toMatchObject({ exitCode: 0, stdout: `${join(scratch, a)}\n` });
      expect((await readdir(join(scratch, a))).sort()).toEqual([
        "goroutine.pb.gz",
        "heap.pb.gz",
        "manifest.json",
        "report.html",
        "summary.json",
        "trace.out",
      ]);
      expect(await goToolTrace(join(scratch, a, "trace.out"))).toMatchObject({ exitCode: 0 });

      expect((await gorewind("captures", "diff", a, b)).stdout).toMatch(
        /reasons\.0\.message\s+first\s+second/,
      );
      expect(await gorewind("verify", a, b)).toMatchObject({ exitCode: 0 });
      expect((await gorewind("captures", "pin", a)).stdout).toMatch(/is pinned/);
      expect(await listed("--pinned")).toEqual([a]);
      expect((await gorewind("captures", "rm", b)).exitCode).toBe(0);
      expect(await listed()).toEqual([a]);
      expect(await gorewind("captures", "get", b)).toMatchObject({
        exitCode: 1,
        stderr: expect.stringMatching(/has no capture/) as string,
      });

      const links = await agent.get(`/api/v1/captures/${a}/links?expires=60`);
      if (kind === "S3") {
        const { links: byName } = JSON.parse(links.text) as { links: Record<string, string> };
        const direct = await fetch(byName["trace.out"] ?? "");
        const trace = await readFile(join(scratch, a, "trace.out"));
        expect(Buffer.from(await direct.arrayBuffer()).equals(trace)).toBe(true);
      } else expect(links.status).toBe(404);

      if (kind !== "S3") {
        const [found] = await readdir(folder, { recursive: true }).then((all) =>
          all.filter((name) => name.endsWith("trace.out")),
        );
        await truncate(join(folder, found ?? ""), 100);
        expect(await gorewind("verify", a)).toMatchObject({
          exitCode: 1,
          stdout: expect.stringMatching(/has 100 bytes, not/) as string,
        });
      }
      await rm(scratch, { recursive: true, force: true });
    },
  );

  it("fetches, opens and verifies what is encrypted, with an identity", { timeout: 400_000 }, async () => {
    const scratch = await mkdtemp(join(tmpdir(), "gorewind-cli-"));
    const identity = join(scratch, "ops.key");
    const { stderr } = await run(await ageProgram("age-keygen"), ["-o", identity]);
    const folder = join(scratch, "captures");
    await using shop = await startShop({ args: ["-load", "20"] });
    await using agent = await startAgent({
      config: `
scrape_configs:
  - { job_name: shop, static_configs: [{ targets: ["${new URL(shop.debugUrl).host}"] }] }
spool: { path: $FOLDER/spool, encrypt_to: [${/age1[0-9a-z]+/.exec(stderr)?.[0] ?? ""}] }
store: { kind: filesystem, path: ${folder} }`,
    });
    await agent.event((line) => line.event === "generation.sealed");
    const id = await captureByHand(agent, "sealed");
    const gorewind = (...args: string[]) =>
      run(process.execPath, [join(repoRoot, "bin", "gorewind.mjs"), ...args, "--store", folder]);

    const sealed = await gorewind("captures", "get", id, "--output", scratch);
    expect(sealed).toMatchObject({
      exitCode: 0,
      stderr: expect.stringMatching(/encrypted: give --identity/) as string,
    });
    expect(await readdir(join(scratch, id))).not.toContain("trace.out");
    expect(await gorewind("captures", "open", id, "--output", scratch)).toMatchObject({ exitCode: 1 });
    expect(await gorewind("verify", id)).toMatchObject({ exitCode: 0 });

    const opened = await gorewind("captures", "get", id, "--output", scratch, "--identity", identity);
    expect(opened).toMatchObject({ exitCode: 0 });
    expect(await goToolTrace(join(scratch, id, "trace.out"))).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await gorewind("verify", id, "--identity", identity)).toMatchObject({ exitCode: 0 });
    await rm(scratch, { recursive: true, force: true });
  });
});
