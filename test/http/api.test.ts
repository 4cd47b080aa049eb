import { describe, expect, it } from "vitest";
import { ConfigError } from "../../src/base/errors.ts";
import { epochMilliseconds } from "../../src/base/units.ts";
import type { PprofApi } from "../../src/http/pprof.ts";
import { createApi, type AgentApi, type ManualCapture } from "../../src/http/api.ts";

const none = () => Promise.resolve({ kind: "refused", status: 404, error: "none" } as const);
const noPprof: PprofApi = {
  targets: () => [],
  resolveTarget: () => undefined,
  follow: none,
  past: none,
  page: none,
  profiles: () => Promise.resolve([]),
  now: () => epochMilliseconds(0),
};

/** An agent that is all right, but for what a test says. */
function api(more: Partial<AgentApi> = {}) {
  return createApi({
    metrics: () => Promise.resolve({ contentType: "text/plain", text: "up 1\n" }),
    unready: () => undefined,
    reload: () => Promise.resolve(),
    targets: () => [],
    captures: () => Promise.resolve([]),
    capture: () => Promise.resolve(undefined),
    download: () => Promise.resolve(undefined),
    links: (id) =>
      Promise.resolve(id === "stored" ? { "trace.out": "https://s3/trace.out?X-Amz" } : undefined),
    triggers: () => [],
    alert: () => 0,
    trigger: () => "20260101t000000000-abc",
    yield: () => Promise.resolve("2026-01-01T00:05:00.000Z"),
    takeBack: () => undefined,
    pprof: noPprof,
    resolveTarget: (name) => (name === "shop" ? "shop@127.0.0.1:6060" : undefined),
    ...more,
  });
}

const post = { method: "POST" };

describe("the agent's HTTP interface", () => {
  it("is healthy even while it is not ready, and says why it is not", async () => {
    const app = api({ unready: () => "none of 2 targets has been recorded yet" });
    expect((await app.request("/-/healthy")).status).toBe(200);
    const ready = await app.request("/-/ready");
    expect(ready.status).toBe(503);
    expect(await ready.text()).toMatch(/none of 2 targets/);
  });

  it("does nothing for a page of another site", async () => {
    const asked: string[] = [];
    const app = api({ trigger: (target) => (asked.push(target), "20260101t000000000-abc") });
    const from = (site: string) => ({ ...post, headers: { "sec-fetch-site": site } });
    expect((await app.request("/api/v1/targets/shop/capture", from("cross-site"))).status).toBe(403);
    expect((await app.request("/api/v1/targets/shop/capture", from("same-site"))).status).toBe(403);
    expect(asked).toEqual([]);
    expect((await app.request("/api/v1/targets/shop/capture", from("same-origin"))).status).toBe(202);
    expect(asked).toHaveLength(1);
  });

  it("hands out links to what is stored", async () => {
    const answer = await api().request("/api/v1/captures/stored/links?expires=60");
    expect(await answer.json()).toEqual({ links: { "trace.out": "https://s3/trace.out?X-Amz" } });
  });

  it("explains the rules on the target that is meant, and says which there are when none is", async () => {
    const asked: unknown[] = [];
    const app = api({
      triggers: (filter) => {
        asked.push(filter);
        return [];
      },
    });
    expect((await app.request("/api/v1/triggers?rule=slow&target=shop")).status).toBe(200);
    expect((await app.request("/api/v1/triggers")).status).toBe(200);
    expect(asked).toEqual([{ rule: "slow", target: "shop@127.0.0.1:6060" }, {}]);
    const unknown = await app.request("/api/v1/triggers?target=shpo");
    expect([unknown.status, await unknown.json()]).toMatchObject([
      404,
      { error: "no target is called shpo" },
    ]);
    expect(asked).toHaveLength(2);
  });

  it("hands a manual capture's window and reason on", async () => {
    const asked: [string, ManualCapture][] = [];
    const app = api({
      trigger: (target, request) => {
        asked.push([target, request]);
        return "20260101t000000000-abc";
      },
    });
    const answer = await app.request(
      "/api/v1/targets/shop/capture?before=5s&after=200ms&cpu=2s&reason=why",
      post,
    );
    expect(answer.status).toBe(202);
    expect(await answer.json()).toMatchObject({
      id: "20260101t000000000-abc",
      target: "shop@127.0.0.1:6060",
    });
    expect(asked).toEqual([["shop@127.0.0.1:6060", { reason: "why", before: 5000, after: 200, cpu: 2000 }]]);
  });

  it.each([
    ["/api/v1/targets/shop/capture?before=soon", post, 400, /expected a duration/],
    ["/api/v1/targets/shop/capture?cpu=1h", post, 400, /at most 10m/],
    ["/api/v1/targets/nobody/capture", post, 404, /no target is called nobody/],
    ["/api/v1/captures?limit=0", {}, 400, /1 to 1000/],
    ["/api/v1/captures?limit=x", {}, 400, /1 to 1000/],
    ["/api/v1/captures/x", {}, 404, /no such capture/],
    ["/api/v1/captures/x/y", {}, 404, /no such file/],
    ["/api/v1/captures/x/links", {}, 404, /no such stored capture with links/],
    ["/api/v1/captures/stored/links?expires=604801", {}, 400, /from 1 to 604800/],
    ["/nothing", {}, 404, /nothing at/],
  ])("answers %s with what is wrong", async (path, init, status, message) => {
    const answer = await api().request(path, init);
    expect(answer.status).toBe(status);
    expect(((await answer.json()) as { error: string }).error).toMatch(message);
  });

  it("refuses a capture when too many are in progress", async () => {
    const answer = await api({ trigger: () => undefined }).request("/api/v1/targets/shop/capture", post);
    expect(answer.status).toBe(429);
  });

  it("answers a refused configuration with every problem", async () => {
    const problem = { position: { file: "f", line: 1, column: 2 }, path: "a", message: "unknown key" };
    const app = api({ reload: () => Promise.reject(new ConfigError([problem])) });
    const answer = await app.request("/-/reload", post);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ problems: [problem] });
  });

  it("answers a failure as JSON, without a stack", async () => {
    const app = api({ captures: () => Promise.reject(new Error("the store is away")) });
    const answer = await app.request("/api/v1/captures");
    expect(answer.status).toBe(500);
    expect(await answer.json()).toEqual({ error: "the store is away" });
  });
});
