import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { request } from "undici";
import { describe, expect, it } from "vitest";
import type { CaptureNotice } from "../../src/outside/notice.ts";
import { startAgent } from "../support/agent.ts";
import { goUnavailable } from "../support/go.ts";
import { run } from "../support/process.ts";
import { prometheusUnavailable, startPrometheus } from "../support/prometheus.ts";
import { requireOrSkip } from "../support/require.ts";
import { startShop } from "../support/shop.ts";

const skip = requireOrSkip(
  "alerts, queries, schedules and notifications",
  (await goUnavailable()) ?? (await prometheusUnavailable()),
);

interface Receiver extends AsyncDisposable {
  readonly url: string;
  next(): Promise<CaptureNotice>;
}

/** A webhook's receiver that refuses the first notice, as one that is being restarted does. */
async function startReceiver(): Promise<Receiver> {
  const waiting: ((notice: CaptureNotice) => void)[] = [];
  const came: CaptureNotice[] = [];
  let requests = 0;
  const server = createServer((incoming, response) => {
    const chunks: Buffer[] = [];
    incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
    incoming.on("end", () => {
      requests++;
      response.writeHead(requests === 1 ? 503 : 204).end();
      if (requests === 1) return;
      const notice = JSON.parse(Buffer.concat(chunks).toString("utf8")) as CaptureNotice;
      const waiter = waiting.shift();
      if (waiter === undefined) came.push(notice);
      else waiter(notice);
    });
  });
  await new Promise<void>((done) => {
    server.listen(0, "127.0.0.1", done);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    next: async () => came.shift() ?? (await new Promise<CaptureNotice>((done) => waiting.push(done))),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((done) => {
        server.close(done);
      });
    },
  };
}

/** What Alertmanager 0.28 posts for one firing and one resolved alert. */
const alerts = (labels: object): string =>
  JSON.stringify({
    version: "4",
    groupKey: "{}:{}",
    status: "firing",
    receiver: "gorewind",
    groupLabels: {},
    commonLabels: labels,
    commonAnnotations: {},
    externalURL: "http://alertmanager:9093",
    alerts: [
      {
        status: "firing",
        labels,
        annotations: { summary: "slow" },
        startsAt: "2026-11-23T10:00:00Z",
        endsAt: "0001-01-01T00:00:00Z",
        generatorURL: "",
        fingerprint: "a",
      },
      {
        status: "resolved",
        labels: { ...labels, alertname: "Other" },
        annotations: {},
        startsAt: "2026-11-23T09:00:00Z",
        endsAt: "2026-11-23T10:00:00Z",
        generatorURL: "",
        fingerprint: "b",
      },
    ],
  });

describe.skipIf(skip)("the world around", () => {
  it("triggers by alert, query and schedule, and is told of the captures", { timeout: 240_000 }, async () => {
    await using shop = await startShop({ args: ["-load", "20"] });
    await using receiver = await startReceiver();
    await using prometheus = await startPrometheus({ targets: [new URL(shop.debugUrl).host] });
    await prometheus.queryUntilAny("up == 1");
    await using agent = await startAgent({
      config: `
scrape_configs:
  - { job_name: shop, static_configs: [{ targets: ["${new URL(shop.debugUrl).host}"], labels: { service: shop } }] }
triggers:
  - { name: by-alert, when: { signal: alert, labels: { alertname: HighLatency } }, capture: { before: 1s, after: 0s, profiles: [] } }
  - { name: by-query, when: { signal: promql, labels: { query: goroutines }, above: 1 }, dry_run: true }
  - { name: by-schedule, when: { signal: schedule, labels: { schedule: often } }, dry_run: true }
schedules: [{ name: often, cron: "*/2 * * * * *" }]
promql: [{ name: goroutines, url: "${prometheus.url}", query: "go_goroutines", interval: 1s, timeout: 1s }]
notifications:
  - { url: "${receiver.url}", rules: [by-alert] }
  - { shell: 'echo "$GOREWIND_GO_TOOL_TRACE" > $FOLDER/command', rules: [by-alert] }
  - { exec: [/no/such/program], rules: [by-alert] }
`,
    });
    await agent.event((line) => line.event === "generation.sealed");
    const held = (rule: string) =>
      agent.event(
        (line) =>
          line.event === "trigger.suppressed" && line["rule"] === rule && line["reason"] === "dry_run",
      );
    await Promise.all([held("by-query"), held("by-schedule")]);

    const post = (body: string) =>
      request(`${agent.url}/api/v1/alerts`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body,
      });
    const other = await post(alerts({ alertname: "HighLatency", service: "billing" }));
    expect(await other.body.json()).toEqual({ targets: 0 });
    const answer = await post(alerts({ alertname: "HighLatency", service: "shop", severity: "page" }));
    expect(await answer.body.json()).toEqual({ targets: 1 });

    const notice = await receiver.next();
    expect(notice.text).toMatch(/^shop@.*: by-alert: /);
    expect(notice.reasons[0]).toMatchObject({
      rule: "by-alert",
      signal: "alert",
      // All of the alert's, not only those that tell firings apart.
      labels: { alertname: "HighLatency", service: "shop", severity: "page", status: "firing" },
    });
    expect(notice.command).toMatch(`gorewind captures open ${notice.id} --store '${agent.folder}/captures'`);
    expect((await agent.captures())[0]?.manifest.id).toBe(notice.id);

    // A command is told as well, and what it is given opens the trace.
    const told = (kind: string, to: string) =>
      agent.event((line) => line.event === kind && line["to"] === to);
    await told("notification.sent", "/bin/sh");
    const command = (await readFile(join(agent.folder, "command"), "utf8")).trim();
    const dump = await run("/bin/sh", ["-c", command.replace("go tool trace", "go tool trace -d=parsed")]);
    expect(dump).toMatchObject({ exitCode: 0, stderr: "" });
    expect(dump.stdout).toMatch(/checkout/);
    expect(await told("notification.failed", "/no/such/program")).toMatchObject({ level: "warn" });
    expect((await agent.get("/metrics")).text).toMatch(
      /^gorewind_notifications_total\{how="command",outcome="failed"\} 1$/m,
    );

    for (const wrong of ["{", `{"alerts": 3}`, `"x"`]) expect((await post(wrong)).statusCode).toBe(400);
    expect((await post(`"${"x".repeat(2_000_000)}"`)).statusCode).toBe(413);
  });
});
