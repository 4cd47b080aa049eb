import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { epochMilliseconds, milliseconds } from "../../src/base/units.ts";
import { metricRows } from "../../src/agent/metric-rows.ts";
import { createStore } from "../../src/store/create.ts";
import type { StoreEvent } from "../../src/store/events.ts";
import { METRICS_ROOT, type MetricRow } from "../../src/store/metrics/row.ts";
import { MetricsWriter } from "../../src/store/metrics/writer.ts";
import { uploadSchema, type MetricsOptions } from "../../src/store/options.ts";
import type { Store } from "../../src/store/store.ts";
import { repoRoot } from "../support/cache.ts";
import { duckdbOn, duckdbUnavailable } from "../support/duckdb.ts";
import { requireOrSkip } from "../support/require.ts";
import { s3Unavailable, startS3 } from "../support/s3.ts";
import { all } from "./support/captures.ts";
import { FakeClock } from "./support/clock.ts";
import { s3Options } from "./support/s3-options.ts";

const never = new AbortController().signal;
const DAY = 86_400_000;
const START = Date.UTC(2026, 2, 11, 12);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "gorewind-metrics-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const options = (over: object = {}): MetricsOptions => {
  const { metrics } = uploadSchema.parse({ metrics: over });
  if (metrics === undefined) throw new Error("no metrics");
  return metrics;
};

function rowsAt(at: number, values: readonly number[], service = "checkout"): MetricRow[] {
  return metricRows(
    {
      target: `${service}@10.0.0.1:6060`,
      targetLabels: { service, pod: "a" },
      source: "trace",
      at: epochMilliseconds(at),
      interval: milliseconds(1000),
      observations: [
        { signal: "task_duration_seconds", labels: { task: "buy" }, values },
        { signal: "goroutines", labels: { state: "waiting" }, values: [12] },
        { signal: "log_records", labels: {}, values: [] },
      ],
    },
    { job: "shop", sayable: (labels) => labels, wants: () => true },
  );
}

test("a series of a generation is one row, of the values that were seen", () => {
  const values = Float64Array.from({ length: 200 }, (_, i) => (200 - i) / 1000);
  const [tasks, goroutines, ...rest] = rowsAt(START, [...values]);
  expect(rest).toEqual([]);
  expect(tasks).toMatchObject({
    time: START,
    interval: 1,
    service: "checkout",
    signal: "task_duration_seconds",
    labels: '{"task":"buy"}',
    count: 200,
    min: 0.001,
    p50: 0.1,
    p99: 0.198,
    max: 0.2,
  });
  expect(tasks?.sum).toBeCloseTo(20.1, 9);
  expect(goroutines).toMatchObject({ count: 1, sum: 12, min: 12, p50: 12, p99: 12, max: 12 });
});

describe("the writer", () => {
  async function setUp(over: object = {}): Promise<{
    store: Store;
    clock: FakeClock;
    writer: MetricsWriter;
    events: StoreEvent[];
  }> {
    const store = await createStore({ kind: "filesystem", path: join(folder, "store") });
    const clock = new FakeClock(START);
    const events: StoreEvent[] = [];
    const deps = { store, clock, emit: (event: StoreEvent) => void events.push(event), agent: "host-a" };
    return { store, clock, events, writer: new MetricsWriter(options(over), deps) };
  }
  const keysOf = async (store: Store): Promise<string[]> =>
    (await all(store.list(METRICS_ROOT, never))).map(({ key }) => key);

  test("puts rows by their day, keeps them when the store fails, and drops what is too much", async () => {
    const { store, writer, events } = await setUp({ max_rows: 5 });
    writer.add([...rowsAt(START, [1]), ...rowsAt(START + DAY, [2])]);
    const put = store.put.bind(store);
    store.put = () => Promise.reject(new Error("away"));
    await expect(writer.flush(never)).rejects.toThrow("away");
    writer.add(rowsAt(START, [3]));
    store.put = put;
    await writer.flush(never);
    expect(events).toEqual([{ kind: "metrics.dropped", rows: 1 }]);
    const keys = await keysOf(store);
    expect(keys.map((key) => key.replace(/host-a-.*/, ""))).toEqual([
      "index=generations/day=2026-03-11/",
      "index=generations/day=2026-03-12/",
    ]);
    await writer.flush(never);
    expect(await keysOf(store)).toEqual(keys);
  });

  test("lets go of its own old files only", async () => {
    const { store, clock, writer } = await setUp({ every: "1h", keep: "2d" });
    const other = new MetricsWriter(options(), { store, clock, emit: () => {}, agent: "host-b" });
    other.add(rowsAt(START, [1]));
    await other.flush(never);
    const stop = new AbortController();
    const running = writer.run(stop.signal);
    for (let day = 0; day < 5; day++) {
      writer.add(rowsAt(clock.now(), [day]));
      // Until it waits for the next time.
      await vi.waitFor(() => expect(clock.sleeping).toBe(1), { timeout: 20_000 });
      clock.advance(DAY);
    }
    await vi.waitFor(() => expect(clock.sleeping).toBe(1), { timeout: 20_000 });
    stop.abort();
    await running;
    const days = (await keysOf(store)).map((key) => key.slice(METRICS_ROOT.length, -".parquet".length));
    expect(days.filter((key) => key.includes("host-b"))).toHaveLength(1);
    const ours = days.filter((key) => key.includes("host-a")).map((key) => key.slice(0, 14));
    expect(ours).toEqual(["day=2026-03-14", "day=2026-03-15"]);
  });
});

const missing = (await s3Unavailable()) ?? (await duckdbUnavailable());
describe.skipIf(requireOrSkip("metrics in S3, read by DuckDB", missing))("in S3", () => {
  test("the documented query reads what the server holds, on s3://", { timeout: 120_000 }, async () => {
    await using s3 = await startS3({ buckets: ["captures"] });
    const store = await createStore(s3Options(s3, "captures", { prefix: "fleet" }));
    const clock = new FakeClock(START);
    for (const agent of ["host-a", "host-b"]) {
      const writer = new MetricsWriter(options(), { store, clock, emit: () => {}, agent });
      for (let i = 0; i < 600; i++) {
        writer.add(rowsAt(START + i * 1000, [i / 1000], i % 2 === 0 ? "checkout" : "search"));
      }
      await writer.flush(never);
    }
    store.close();
    const guide = await readFile(join(repoRoot, "docs", "shipping.md"), "utf8");
    const [, , sql = ""] = guide.split("```sql\n").map((part) => part.split("```")[0]);
    const [rows = []] = await duckdbOn(s3, [
      sql
        .replaceAll(/^--.*$/gm, "")
        .replace(";", "")
        .replaceAll("s3://bucket/prefix", "s3://captures/fleet"),
    ]);
    // Ten minutes of two agents, by service and minute.
    expect(rows).toHaveLength(20);
    expect(rows[0]).toEqual({
      service: "checkout",
      minute: "2026-03-11 12:00",
      tasks: "60", // a sum has more bits than a number of JSON
      worst_p99: 0.058,
    });
  });
});
