import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { startAgent } from "../support/agent.ts";
import { repoRoot } from "../support/cache.ts";
import { goEnv, goUnavailable } from "../support/go.ts";
import { run, start } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";
import { s3Unavailable, startS3, type S3Server } from "../support/s3.ts";
import { startShop } from "../support/shop.ts";

const skip = requireOrSkip(
  "the README's way to captures",
  (await goUnavailable()) ?? (await s3Unavailable()),
);

/** The commands under "Get them back", with a real capture's id for the README's. */
async function commandsFor(id: string): Promise<readonly string[]> {
  const readme = await readFile(join(repoRoot, "README.md"), "utf8");
  const section = readme.split("\n## ").find((each) => each.startsWith("Get them back")) ?? "";
  const lines = section.split("\n").filter((line) => line.startsWith("    "));
  return lines.map((line) => line.trim().replaceAll("7q58jap299vh", id.slice(-8)));
}

/** What the README says of the store: `s3://my-captures/traces`. */
const onS3 = (s3: S3Server): string =>
  `store: { kind: s3, preset: versitygw, endpoint: "${s3.endpoint}", region: ${s3.region}, bucket: my-captures, prefix: traces }`;

describe.skipIf(skip)("the README's commands", () => {
  it.each(["a folder", "S3"])(
    "get captures back from %s as they stand",
    { timeout: 400_000 },
    async (kind) => {
      const scratch = await mkdtemp(join(tmpdir(), "gorewind-readme-"));
      await using s3 = await startS3({ buckets: ["my-captures"] });
      const folder = join(scratch, "captures");
      const keys = { AWS_ACCESS_KEY_ID: s3.accessKeyId, AWS_SECRET_ACCESS_KEY: s3.secretAccessKey };
      await using shop = await startShop({ args: ["-load", "20"] });
      await using agent = await startAgent({
        config: `
scrape_configs:
  - { job_name: shop, static_configs: [{ targets: ["${new URL(shop.debugUrl).host}"] }] }
triggers:
  - name: slow-checkout
    when: { signal: task_duration_seconds, labels: { task: checkout }, above: 1ms }
    capture: { before: 1s, after: 0s }
    limits: { cooldown: 1h }
capture: { report_timeout: 2m }
upload: { index_every: 100ms }
${kind === "S3" ? onS3(s3) : `store: { kind: filesystem, path: ${folder} }`}`,
        env: keys,
      });
      const stored = await agent.event((line) => line.event === "upload.completed", 120_000);
      const id = String(stored["id"]);

      await mkdir(join(scratch, "bin"));
      const program = join(scratch, "bin", "gorewind");
      await writeFile(program, `#!/bin/sh\nexec "${process.execPath}" "${repoRoot}/bin/gorewind.mjs" "$@"\n`);
      await chmod(program, 0o755);
      const env = {
        ...goEnv(),
        ...keys,
        AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
        AWS_ENDPOINT_URL_S3: s3.endpoint,
        AWS_REGION: s3.region,
        TMPDIR: scratch,
        PATH: `${join(scratch, "bin")}:${process.env["PATH"]}`,
      };
      const [place = "", list = "", get = "", open = "", verify = "", ...more] = await commandsFor(id);
      expect(more).toEqual([]);
      expect(place).toMatch(/^export GOREWIND_STORE=s3:\/\/my-captures\/traces /);
      const setting = kind === "S3" ? place : `export GOREWIND_STORE=${folder}`;
      const shell = (line: string) => run("sh", ["-c", `${setting}\n${line}`], { env, cwd: scratch });

      // The index takes its time.
      for (;;) {
        const listed = await shell(list);
        expect(listed).toMatchObject({ exitCode: 0, stderr: "" });
        if (listed.stdout.includes(id)) break;
      }
      const got = await shell(get);
      expect(got).toMatchObject({ exitCode: 0, stdout: `${id}\n` });
      expect((await readFile(join(scratch, id, "trace.out"))).subarray(0, 3).toString()).toBe("go ");
      expect(await shell(verify)).toMatchObject({ exitCode: 0 });

      // `go tool trace` serves its page until it is told to end.
      await using viewer = await start("sh", ["-c", `${setting}\nexec ${open.replace(/ +#.*$/, "")}`], {
        env: { ...env, BROWSER: "true" },
        cwd: scratch,
      });
      const said = await viewer.line((line) => /listening on http/.test(line), {
        stream: "stderr",
        timeoutMs: 120_000,
      });
      const page = await fetch(/http:\S+/.exec(said)?.[0] ?? "");
      expect(await page.text()).toMatch(/View trace/i);
      await viewer.stop();

      // In place of what shows HTML on a desktop.
      const shown = join(scratch, "shown");
      await writeFile(join(scratch, "bin", "xdg-open"), `#!/bin/sh\ncp "$1" "${shown}"\n`, { mode: 0o755 });
      expect(await shell(`${open.replace(/ +#.*$/, "")} --report`)).toMatchObject({ exitCode: 0 });
      expect(await readFile(shown, "utf8")).toMatch(/<html/);
      await rm(scratch, { recursive: true, force: true });
    },
  );
});
