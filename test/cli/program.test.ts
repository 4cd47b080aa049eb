import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runProgram } from "../../src/cli/program.ts";

const root = resolve(import.meta.dirname, "../..");
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-program-"));
  const trace = gunzipSync(await readFile(join(root, "test/fixtures/replay/trace.out.gz")));
  await writeFile(join(folder, "shop.trace"), trace);
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function gorewind(args: readonly string[], env: Record<string, string> = {}): Promise<Outcome> {
  let [out, err] = ["", ""];
  const code = await runProgram(args, {
    out: (text) => void (out += text),
    write: async (text) => void (out += text),
    err: (text) => void (err += text),
    env,
    host: "test",
    version: "1.2.3",
    node: "v20",
    terminal: false,
    onSignal: () => () => undefined,
    now: () => 0,
    random: () => 0.5,
    usage: () => ({ cpuSeconds: 0, residentBytes: 0 }),
    exit: (status) => {
      throw new Error(`exit ${status}`);
    },
  });
  return { code, out, err };
}

async function file(name: string, text: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, text);
  return path;
}

describe("gorewind replay", () => {
  it("says when the rules would have fired on a recorded trace, and at what cost", async () => {
    const rules = await file(
      "rules.yaml",
      `triggers: [{ name: slow, match: { service: shop }, when: { signal: task_duration_seconds, labels: { task: checkout }, above: 50ms }, limits: { cooldown: 3s } }]`,
    );
    const trace = join(folder, "shop.trace");
    const { code, out } = await gorewind(["replay", "-c", rules, "--label", "service=shop", trace]);
    expect(code).toBe(0);
    expect(out).toMatch(/^1 rule over 9 generations, 8s$/m);
    expect(
      out.match(
        /slow fires on shop\.trace: task_duration_seconds\{task="checkout"\} was \d\d(\.\d)?ms, above 50ms/g,
      )?.length,
    ).toBe(3);
    expect(out).toMatch(/^3 firings, 3 captures, [\d.]+MiB of trace$/m);
    // Of another service, the same trace is none of the rule's business.
    expect((await gorewind(["replay", "-c", rules, "--label", "service=other", trace])).out).toMatch(
      /^0 firings/m,
    );
  });

  it("runs over profiles, metrics and schedtrace lines as well, of one target together", async () => {
    const rules = await file(
      "pages.yaml",
      `triggers:
  - { name: errors, when: { signal: "metric:http_requests_total", labels: { code: "5*" }, above: 1/s }, by: [code] }
  - { name: tail, when: { signal: "metric:took_seconds_bucket", aggregate: p99, above: 250ms, min_samples: 10 } }
  - { name: heap, when: { signal: heap_inuse_bytes, above: 100KiB }, by: [] }
  - { name: queue, when: { signal: schedtrace_global_runqueue, above: 50 }, for: 1s }
  - { name: vars, when: { signal: "metric:memstats.HeapAlloc", above: 1000 } }
  - { name: both, when: { all: [ { signal: schedtrace_threads, above: 5, window: 1h }, { signal: "metric:up", above: 0, window: 1h } ] } }
`,
    );
    // As promtool tsdb dump-openmetrics writes it: a minute, every 10 s; from the fourth on, three errors a second.
    const scrapes = Array.from({ length: 7 }, (_, i) => {
      const [at, errors, all] = [1_800_000_000 + 10 * i, Math.max(0, i - 3) * 30, 100 * i];
      return [
        `http_requests_total{code="500"} ${errors} ${at}`,
        `http_requests_total{code="200"} ${all} ${at}`,
        `took_seconds_bucket{le="0.1"} ${all - errors} ${at}`,
        `took_seconds_bucket{le="0.5"} ${all} ${at}`,
        `took_seconds_bucket{le="+Inf"} ${all} ${at}`,
        `up 1 ${at}`,
      ];
    });
    const metrics = await file("dump.om", `${scrapes.flat().join("\n")}\n# EOF\n`);
    const sched = (ms: number, queue: number): string =>
      `SCHED ${ms}ms: gomaxprocs=2 idleprocs=0 threads=9 spinningthreads=0 needspinning=1 idlethreads=1 runqueue=${queue} [ 1 2 ]`;
    const lines = await file(
      "shop.log",
      ["hello", sched(0, 60), sched(1000, 80), sched(2000, 90)].join("\n"),
    );
    const vars = await file("vars.json", `{"cmdline":["shop"],"memstats":{"HeapAlloc":2048}}`);
    const heap = join(root, "test/fixtures/replay/heap.pb.gz");
    const run = (...args: readonly string[]) => gorewind(["replay", "-c", rules, ...args]);

    const { code, out, err } = await run("--target", "shop", metrics, lines, vars, heap);
    expect([code, err]).toEqual([0, ""]);
    expect(out).toMatch(/^6 rules over 12 readings, /m);
    expect(out).toMatch(
      /^2027-01-15T08:01:00.000Z {2}errors fires on shop: rate of .*code="500".* was 1\.5\/s, above 1\/s$/m,
    );
    expect(out).toMatch(
      /^2027-01-15T08:00:40.000Z {2}tail fires on shop: p99 of .* was [34]\d\dms, above 250ms$/m,
    );
    for (const rule of ["heap", "queue", "vars", "both"])
      expect(out).toMatch(new RegExp(`  ${rule} fires on shop: `));
    // Each by itself, the two sources of `both` never meet.
    expect((await run(metrics, lines)).out).not.toMatch(/both fires/);
    expect(
      (await run("--target", "shop", await file("calm.txt", 'up 1\nhttp_requests_total{code="500"} 7\n')))
        .out,
    ).toMatch(/^0 firings, 0 captures/m);
  });

  it("refuses what is no trace", async () => {
    const rules = await file("r.yaml", "triggers: []");
    const { code, err } = await gorewind([
      "replay",
      "-c",
      rules,
      await file("x", "<html>nothing to see here</html>"),
    ]);
    expect(code).toBe(1);
    expect(err).toMatch(/no Go execution trace/);
  });
});

describe("gorewind test triggers", () => {
  it("runs rule tests and shows what differs", async () => {
    await file(
      "slow.yaml",
      "triggers: [{ name: slow, when: { signal: task_duration_seconds, above: 50ms } }]",
    );
    const tests = await file(
      "tests.yaml",
      `rule_files: [slow.yaml]
tests:
  - name: fires
    series: [{ signal: task_duration_seconds, values: "5ms 80ms" }]
    expect: [{ rule: slow, at: 2s, value: 80ms }]
  - name: is wrong
    series: [{ signal: task_duration_seconds, values: "5ms 80ms" }]
`,
    );
    const { code, out } = await gorewind(["test", "triggers", tests]);
    expect(code).toBe(1);
    expect(out).toMatch(/^ok {4}fires$/m);
    expect(out).toMatch(/^FAIL {2}is wrong\n +\+ 2s slow on target 80ms$/m);
    const misspelt = await file("bad.yaml", "rule_files: [slow.yaml]\ntest: []\n");
    expect(await gorewind(["test", "triggers", misspelt])).toMatchObject({
      code: 2,
      err: expect.stringMatching(/bad\.yaml:2:1: test: unknown key; did you mean tests\?/) as string,
    });
  });
});

describe("gorewind check config", () => {
  it("warns of what is most likely not meant, and fails on it when asked to", async () => {
    const config = await file(
      "lint.yaml",
      `scrape_configs:
  - { job_name: a, static_configs: [{ targets: ["a:1"] }], ring: { min_age: 1s } }
triggers:
  - { name: slow, when: { signal: task_duration_seconds, above: 4s } }
`,
    );
    const { code, out } = await gorewind(["check", "config", config]);
    expect(code).toBe(0);
    expect(out).toMatch(/ok: 1 target, 1 trigger, store filesystem/);
    expect(out).toMatch(/warning: slow: .*1s/);
    expect((await gorewind(["check", "config", "--lint-fatal", config])).code).toBe(3);
  });
});

describe("gorewind trace", () => {
  it("dumps, weighs, validates, cuts and cleans a trace", async () => {
    const trace = join(folder, "shop.trace");
    const [cut, clean] = [join(folder, "cut.trace"), join(folder, "clean.trace")];
    expect((await gorewind(["trace", "cut", trace, "--last", "200ms", "-o", cut])).err).toMatch(
      /1 generation$/m,
    );
    expect((await gorewind(["trace", "cut", trace, "-o", cut])).code).toBe(1);
    expect((await gorewind(["trace", "anonymize", cut, "-o", clean])).code).toBe(0);
    const dump = await gorewind(["trace", "dump", cut]);
    expect(dump.out).toMatch(/TaskBegin Time=\d+ ID=\d+ .*"checkout"/);
    expect((await gorewind(["trace", "dump", clean])).out).not.toMatch(/checkout/);
    expect((await gorewind(["trace", "footprint", cut])).out).toMatch(/^GoBlock +\d+/m);
    const valid = await gorewind(["trace", "validate", cut, clean]);
    expect(valid.code).toBe(0);
    expect(valid.out.match(/: ok: Go 1\.26, \d+ events, 1 generation, \d/g)?.length).toBe(2);

    await writeFile(cut, (await readFile(trace)).subarray(0, 300_000));
    const torn = await gorewind(["trace", "validate", cut]);
    expect(torn.code).toBe(1);
    expect(torn.out).toMatch(/\d+ events can be read all the same/);
  });

  it("searches the logs of a trace", async () => {
    const trace = join(folder, "shop.trace");
    const told = await gorewind(["analyze", trace, "--logs", "order-000021"]);
    expect(told.code).toBe(0);
    expect(told.out).toMatch(/Logs +1 of 189 logs[^]*order +order-000021/i);
    expect((await gorewind(["analyze", trace])).out).not.toMatch(/order-000021/);
    const json = await gorewind(["analyze", trace, "--logs", "crawl", "--format", "json"]);
    const { logs } = JSON.parse(json.out) as { logs: { matching: number; rows: { category: string }[] } };
    expect(logs.rows.length).toBe(logs.matching);
    expect(new Set(logs.rows.map(({ category }) => category))).toEqual(new Set(["crawl"]));
    const none = await gorewind(["analyze", trace, "--logs", "no such text"]);
    expect(none.out).toMatch(/0 of 189 logs/);
  });

  it("counts as the collector's what is asked for", async () => {
    const trace = join(folder, "shop.trace");
    const mean = async (...args: string[]): Promise<number> => {
      const { out } = await gorewind(["analyze", trace, "--format", "json", ...args]);
      return (JSON.parse(out) as { mmu: { mean: number } }).mmu.mean;
    };
    const all = await mean();
    expect(await mean("--mmu", "stw,background,assist,sweep")).toBe(all);
    expect(await mean("--mmu", "none")).toBe(1);
    const background = await mean("--mmu", "background");
    expect(background).toBeGreaterThan(all);
    expect(background).toBeLessThan(1);
    expect(await gorewind(["analyze", trace, "--mmu", "stw,sweeps"])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/list of stw, background, assist, sweep, or none, not "sweeps"/) as string,
    });
  });

  it("writes pprof files of where goroutines waited", async () => {
    const output = join(folder, "sync.pb.gz");
    const args = ["profile", join(folder, "shop.trace"), "--kind", "sync", "-o", output];
    expect((await gorewind(args)).code).toBe(0);
    expect((await readFile(output)).subarray(0, 2)).toEqual(Buffer.of(0x1f, 0x8b));
    const wrong = await gorewind([...args, "--kind", "locks"]);
    expect(wrong).toMatchObject({
      code: 1,
      err: expect.stringMatching(/expected one of net, sync/) as string,
    });
  });
});

describe("gorewind captures", () => {
  it("asks which store is meant", async () => {
    expect(await gorewind(["captures", "ls"])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/which store\?\n.*GOREWIND_STORE/) as string,
    });
    expect((await gorewind(["captures", "ls"], { GOREWIND_STORE: folder })).out).toMatch(
      /no such captures in/,
    );
  });
});
