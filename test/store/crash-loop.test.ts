import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { milliseconds } from "../../src/base/units.ts";
import { decodeManifest } from "../../src/capture/manifest.ts";
import { createStore } from "../../src/store/create.ts";
import { spoolSchema } from "../../src/store/options.ts";
import { Spool } from "../../src/store/spool/spool.ts";
import { abortLeftovers } from "../../src/store/upload/leftovers.ts";
import type { Store } from "../../src/store/store.ts";
import { repoRoot } from "../support/cache.ts";
import { run, start } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";
import { s3Unavailable, startS3, type S3Server } from "../support/s3.ts";
import { all, bytesOf, sha256 } from "./support/captures.ts";
import { realClock } from "./support/clock.ts";
import { contentOf, filesOf } from "./support/crash-content.mjs";
import { S3_MAKE, s3Options } from "./support/s3-options.ts";

/**
 * A process that spools and uploads captures is killed with SIGKILL at random moments, over and over, on one spool.
 * An oracle that knows the acknowledged ids then asks the store: is each there, none twice, and every SHA-256 right?
 *
 * `node bench/store/crash-loop.mjs --rounds 300` runs it longer.
 */
const ROUNDS = Number(process.env["GOREWIND_CRASH_ROUNDS"] ?? 8);
const ALIVE_MS = 900;

const never = new AbortController().signal;
const skip = requireOrSkip("the crash loop", await s3Unavailable(S3_MAKE));

describe.skipIf(skip)("killed at random moments", () => {
  let server: S3Server;
  let folder: string;
  let dist: string;
  beforeAll(async () => {
    server = await startS3({ make: S3_MAKE, buckets: ["captures"] });
    folder = await mkdtemp(join(tmpdir(), "gorewind-crash-"));
    // Inside the checkout, so that its node_modules are found.
    await mkdir(join(repoRoot, ".cache"), { recursive: true });
    dist = await mkdtemp(join(repoRoot, ".cache", "crash-loop-"));
    const tsc = join(repoRoot, "node_modules", ".bin", "tsc");
    const args = ["-p", join(repoRoot, "tsconfig.build.json"), "--outDir", dist, "--declaration", "false"];
    const { stdout } = await run(tsc, args, { cwd: repoRoot });
    if (stdout !== "") console.warn(stdout);
  });
  afterAll(async () => {
    await server?.stop();
    await rm(dist, { recursive: true, force: true });
    await rm(folder, { recursive: true, force: true });
  });

  test(
    `loses no acknowledged capture and shows none twice: ${ROUNDS} rounds`,
    async () => {
      const options = { prefix: "fleet", part_size: "5MiB" };
      const store = await createStore(s3Options(server, "captures", options));
      const child = (round: number, more: Readonly<Record<string, unknown>> = {}) =>
        start(process.execPath, [
          join(repoRoot, "test/store/support/crash-child.mjs"),
          dist,
          JSON.stringify({
            spoolPath: join(folder, "spool"),
            store: s3Source(server, options),
            // A template that is changed between two runs must not give a capture a second place.
            key: round % 2 === 0 ? "{service}/{yyyy}/{id}" : "{service}/{rule}-{id}",
            seed: round,
            ...more,
          }),
        ]);
      const acknowledged = new Set<string>();
      const counts = { killedBeforeReady: 0, resumed: 0, troubles: 0, dropped: 0 };
      for (let round = 0; round < ROUNDS; round++) {
        const killed = await child(round);
        if (round % 10 !== 9) await killed.line((line) => line === "ready", { timeoutMs: 300_000 });
        await sleep(Math.random() * ALIVE_MS);
        await killed.kill9();
        if (round % 50 === 49) console.log(`${round + 1} rounds, ${acknowledged.size} acknowledged`);
        const lines = killed.lines("stdout");
        expect(killed.lines("stderr").filter((line) => /Error/.test(line))).toEqual([]);
        if (!lines.includes("ready")) counts.killedBeforeReady++;
        for (const line of lines) {
          const [what, id = ""] = line.split(" ");
          if (what === "acknowledged") acknowledged.add(id);
          else if (what === "resumed") counts.resumed++;
          else if (what === "trouble") counts.troubles++;
          else if (what === "dropped") counts.dropped++;
        }
      }
      const last = await child(ROUNDS, { drain: true });
      await last.line((line) => line === "drained", { timeoutMs: 600_000 });
      await last.exited;

      const report = {
        rounds: ROUNDS,
        acknowledged: acknowledged.size,
        ...counts,
        ...(await askStore(store, acknowledged)),
      };
      console.log(JSON.stringify(report));
      expect(report).toMatchObject({ dropped: 0, lost: 0, twice: 0, wrongBytes: 0, orphans: 0, empty: 0 });
      expect(acknowledged.size).toBeGreaterThan(0);

      // Uploads that were begun and never noted are all that may be left; they go by age.
      const deps = { clock: realClock, emit: () => {} };
      const spool = await Spool.open(spoolSchema.parse({ path: join(folder, "spool") }), deps, never);
      await abortLeftovers({ ...deps, spool, store }, milliseconds(0), never);
      expect(await all(store.multipart!.list("", never))).toEqual([]);
      await spool.close();
      store.close();
    },
    120_000 + ROUNDS * 30_000,
  );

  /** The oracle. */
  async function askStore(store: Store, acknowledged: ReadonlySet<string>) {
    const places = new Map<string, number>();
    const files = new Set<string>();
    const expected = new Set<string>();
    let [wrongBytes, empty, bytes] = [0, 0, 0];
    for await (const { key, bytes: size } of store.list("", never)) {
      files.add(key);
      bytes += size;
      if (size === 0) empty++;
      if (!key.endsWith("/manifest.json")) continue;
      expected.add(key);
      const text = (await bytesOf((await store.get(key, undefined, never)).body)).toString();
      const manifest = decodeManifest(text);
      places.set(manifest.id, (places.get(manifest.id) ?? 0) + 1);
      expect(manifest.files.map(({ name }) => name)).toEqual(filesOf(manifest.id));
      for (const file of manifest.files) {
        const at = key.replace(/manifest\.json$/, file.name);
        expected.add(at);
        const stored = sha256(await bytesOf((await store.get(at, undefined, never)).body));
        const right = sha256(contentOf(manifest.id, file.name));
        if (stored !== right || file.sha256 !== right) wrongBytes++;
      }
    }
    const lost = [...acknowledged].filter((id) => !places.has(id)).length;
    const twice = [...places.values()].filter((count) => count > 1).length;
    const orphans = [...files].filter((key) => !expected.has(key)).length;
    const unfinished = (await all(store.multipart!.list("", never))).length;
    return { stored: places.size, lost, twice, wrongBytes, orphans, empty, bytes, unfinished };
  }
});

/** The options as a file would spell them. */
function s3Source(server: S3Server, over: Readonly<Record<string, unknown>>): object {
  return {
    kind: "s3",
    bucket: "captures",
    preset: server.make,
    endpoint: server.endpoint,
    credentials: {
      kind: "static",
      access_key_id: server.accessKeyId,
      secret_access_key: server.secretAccessKey,
    },
    ...over,
  };
}
