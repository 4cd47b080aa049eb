import { chromiumUnavailable } from "./chromium.ts";
import { dnsUnavailable } from "./dns.ts";
import { duckdbUnavailable } from "./duckdb.ts";
import { GO_RELEASES, SHOP, buildGo, goUnavailable } from "./go.ts";
import type { GoChoice } from "./go.ts";
import { kustomizeUnavailable } from "./kustomize.ts";
import { prometheusUnavailable } from "./prometheus.ts";
import { s3Unavailable } from "./s3.ts";

/**
 * Before a whole run, gets what the tests would otherwise each wait for: Go toolchains, the example service built
 * by each, the S3 servers, Prometheus, a browser. A part of the suite prepares what it needs by itself. What fails here is
 * not reported here: the tests that need it say so.
 */
export async function setup(): Promise<void> {
  if (process.env["GOREWIND_PREPARE"] !== "1") return;
  const versions: readonly GoChoice[] = [
    "local",
    ...(Object.keys(GO_RELEASES) as (keyof typeof GO_RELEASES)[]),
  ];
  say(`fetching Go ${Object.values(GO_RELEASES).join(", ")}`);
  const missing = await Promise.all(versions.map((version) => goUnavailable(version)));
  const available = versions.filter((_, index) => missing[index] === undefined);

  say("building the example service with each, and the S3 server; fetching Ceph, Chromium and Prometheus");
  await Promise.all([buildShops(available), s3Unavailable("versitygw"), installPackages()]);
  say("ready");
}

/** One after the other: each build keeps all processors busy. */
async function buildShops(versions: readonly GoChoice[]): Promise<void> {
  for (const version of versions) {
    await buildGo(SHOP, { version }).catch((error: unknown) => say(String(error)));
  }
}

/** apt does one thing at a time. */
async function installPackages(): Promise<void> {
  await s3Unavailable("ceph");
  await chromiumUnavailable();
  await prometheusUnavailable();
  await dnsUnavailable();
  await kustomizeUnavailable();
  await duckdbUnavailable();
}

const started = performance.now();

function say(text: string): void {
  console.error(`[${((performance.now() - started) / 1000).toFixed(1).padStart(5)} s] ${text}`);
}
