/** The example service as it is watched in production: its live trace, its metrics, its profiles. */

import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { decodeProfile } from "../../src/pprof/decode.ts";
import { parseExposition } from "../../src/signals/exposition.ts";
import { expvarObservations } from "../../src/signals/expvar.ts";
import { MetricSignals } from "../../src/signals/metric-signals.ts";
import { profileObservations } from "../../src/signals/profile-signals.ts";
import type { SignalProfile } from "../../src/signals/profile-signals.ts";
import { buildGo, goUnavailable } from "../support/go.ts";
import { start } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";
import { startShop } from "../support/shop.ts";
import type { Shop } from "../support/shop.ts";
import { Observed, observeTrace, sum } from "./support.ts";

const skip = requireOrSkip("the signals of the shop", await goUnavailable());

async function get(url: string): Promise<Uint8Array> {
  const response = await fetch(url);
  expect(response.status).toBe(200);
  return new Uint8Array(await response.arrayBuffer());
}

async function profileOf(url: string, kind: SignalProfile, query = ""): Promise<Observed> {
  const bytes = await get(`${url}/debug/pprof/${kind}${query}`);
  return new Observed(profileObservations(kind, decodeProfile(gunzipSync(bytes))));
}

describe.skipIf(skip)("the shop under load", () => {
  let shop: Shop;
  beforeAll(async () => {
    shop = await startShop({ args: ["-load", "40"] });
  });
  afterAll(() => shop[Symbol.asyncDispose]());

  const read = (path: string): Promise<Uint8Array> => get(shop.debugUrl + path);
  const text = async (path: string): Promise<string> => Buffer.from(await read(path)).toString();

  it("shows each slow checkout, generation after generation", async () => {
    const { whole, generations, dropped } = observeTrace(await read("/debug/pprof/trace?seconds=3"));
    expect(generations.length).toBeGreaterThanOrEqual(3);
    const checkouts = whole.values("task_duration_seconds", { task: "checkout" });
    expect(checkouts.length).toBeGreaterThan(60);
    // Every fifth takes 80 ms by itself, the others 5 ms; on a busy machine some of them take long, too.
    const slow = checkouts.filter((seconds) => seconds >= 0.08).length;
    expect(slow).toBeGreaterThanOrEqual(Math.floor(checkouts.length / 5) - 3);
    expect(slow).toBeLessThan(checkouts.length / 2);
    expect(Math.min(...checkouts)).toBeGreaterThanOrEqual(0.005);
    expect(Math.min(...checkouts)).toBeLessThan(0.04);
    const times = whole
      .series("task_duration_seconds", { task: "checkout" })
      .flatMap((each) => [...(each.times ?? [])]);
    expect(times).toHaveLength(checkouts.length);
    expect(times.toSorted((a, b) => a - b)).toEqual(times);
    expect(whole.labels("region_duration_seconds", "region")).toEqual(
      expect.arrayContaining(["inventory", "charge"]),
    );
    // It has tasks: they tell its requests.
    expect(whole.series("request_duration_seconds")).toEqual([]);
    expect(whole.values("log_records", { category: "order" }).length).toBeGreaterThan(60);
    expect(dropped).toMatchObject({ goroutines: 0, tasks: 0, regions: 0 });
    // On a busy machine a generation has more scheduler latencies than are kept; of anything else nothing is dropped.
    const sampled = whole.all.filter(({ total }) => total !== undefined).map(({ signal }) => signal);
    expect(sampled.filter((signal) => signal !== "sched_latency_seconds")).toEqual([]);
  });

  it("has metrics whose histogram gives the latency of the last seconds", async () => {
    const signals = new MetricSignals();
    const scrape = async (at: number): Promise<Observed> => {
      const parsed = parseExposition(await text("/metrics"));
      expect(parsed.badLines).toEqual([]);
      return new Observed(signals.observe({ samples: parsed.samples, types: parsed.types, at }));
    };
    const first = await scrape(1000);
    const counters = first.all.filter(({ signal }) => signal.endsWith("_total"));
    expect(counters.length).toBeGreaterThan(0);
    await read("/debug/pprof/mutex?seconds=1");
    const second = await scrape(2000);
    const derived = second.all.filter(({ signal }) => signal.endsWith(":p99"));
    expect(derived.length).toBeGreaterThan(0);
    expect(Math.max(...derived.flatMap(({ values }) => [...values]))).toBeGreaterThan(0.05);
  });

  it("has expvars", async () => {
    const vars = new Observed(expvarObservations(JSON.parse(await text("/debug/vars"))));
    expect(vars.value("metric:memstats.HeapAlloc")).toBeGreaterThan(1000);
  });

  it("has profiles that say where goroutines began and what the heap holds", async () => {
    const goroutines = await profileOf(shop.debugUrl, "goroutine");
    expect(goroutines.value("goroutine_profile_count", { function: "runtime.main" })).toBe(1);
    expect(goroutines.labels("goroutine_profile_count", "function")).toContain("net/http.(*conn).serve");
    expect(sum((await profileOf(shop.debugUrl, "heap")).values("heap_inuse_bytes"))).toBeGreaterThan(0);
    expect((await profileOf(shop.debugUrl, "threadcreate")).value("threads_created")).toBeGreaterThan(1);
    // It profiles no locks, so nobody waits for one.
    expect((await profileOf(shop.debugUrl, "mutex", "?seconds=1")).all).toEqual([]);
  });
});

describe.skipIf(skip)("a program that waits for a lock", () => {
  it("shows for how long, by who holds it and who waits, only in profiles over a time", async () => {
    await using child = await start(await buildGo("test/go/signals"), ["contend"]);
    const url = `http://${await child.line((line) => line.includes(":"))}`;
    const mutex = await profileOf(url, "mutex", "?seconds=1");
    const block = await profileOf(url, "block", "?seconds=1");
    // Three of four goroutines wait at any time: three seconds a second.
    for (const delay of [
      mutex.value("mutex_delay_seconds", { function: "main.hold" }),
      block.value("block_delay_seconds", { function: "main.hold" }),
    ]) {
      expect(delay).toBeGreaterThan(1.5);
      expect(delay).toBeLessThan(4.5);
    }
    expect(block.labels("block_delay_seconds", "function").some((name) => name.startsWith("sync."))).toBe(
      false,
    );
    // Without a duration a profile counts since the process began: that is no rate.
    expect((await profileOf(url, "mutex")).all).toEqual([]);
  });
});
