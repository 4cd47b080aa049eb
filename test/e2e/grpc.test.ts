import { describe, expect, it } from "vitest";
import { startAgent, type RunningAgent } from "../support/agent.ts";
import { buildGo, goToolTrace, goUnavailable } from "../support/go.ts";
import { start } from "../support/process.ts";
import { requireOrSkip } from "../support/require.ts";

const skip = requireOrSkip("requests of a real gRPC service", await goUnavailable());

const ADDRESS = /^127\.0\.0\.1:\d+$/;
const PB = "gorewind.test/grpc/pb";

/** Requests of a method that were counted, and those of them that took at most `le` seconds. */
async function counted(agent: RunningAgent, method: string, le: string): Promise<readonly [number, number]> {
  const { text } = await agent.get("/metrics");
  const series = `[^}]*request="${PB}\\._Shop_${method}_Handler"}`;
  const value = (pattern: string): number =>
    Number(new RegExp(`${pattern} (\\d+)$`, "m").exec(text)?.[1] ?? 0);
  return [
    value(`^gorewind_request_duration_seconds_count{${series}`),
    value(`^gorewind_request_duration_seconds_bucket{le="${le}",${series}`),
  ];
}

describe.skipIf(skip)("a gRPC service without tasks", () => {
  it(
    "has its requests told by method, the slow, the hanging and those that wait for a connection",
    { timeout: 120_000 },
    async () => {
      const binary = await buildGo("test/go/grpc");
      await using server = await start(binary, ["serve"]);
      const isDebug = (line: string): boolean => ADDRESS.test(line) && line !== server.lines("stdout")[0];
      const address = await server.line((line) => ADDRESS.test(line));
      const debug = await server.line(isDebug);
      await using client = await start(binary, ["call", address]);
      await using agent = await startAgent({
        config: `
scrape_configs:
  - { job_name: grpc, static_configs: [{ targets: ["${debug}"] }] }
trigger_defaults: { capture: { before: 1s, after: 0s, profiles: [] }, limits: { cooldown: 1h } }
triggers:
  - { name: slow-report, when: { signal: request_duration_seconds, labels: { request: "*_Shop_Report_Handler" }, above: 50ms } }
  - { name: hanging-watch, when: { signal: request_open_seconds, labels: { request: "*_Shop_Watch_Handler" }, above: 2s } }
  - { name: no-connection, when: { signal: blocked_age_seconds, labels: { function: "database/sql.*" }, above: 1ms } }
  - { name: slow-checkout, when: { signal: request_duration_seconds, labels: { request: "*_Shop_Checkout_Handler" }, above: 10s } }
  - { name: hanging-other, when: { signal: request_open_seconds, labels: { request: "!*_Shop_Watch_Handler" }, above: 10s } }
`,
      });
      const fired = (rule: string) =>
        agent.event((line) => line.event === "trigger.fired" && line["rule"] === rule, 60_000);
      const [report, watch, waiting] = await Promise.all(
        ["slow-report", "hanging-watch", "no-connection"].map(fired),
      );
      expect(report?.["message"]).toMatch(
        `request_duration_seconds{request="${PB}._Shop_Report_Handler"} was `,
      );
      expect(watch?.["message"]).toMatch(`request_open_seconds{request="${PB}._Shop_Watch_Handler"} was `);
      expect(waiting?.["message"]).toMatch(/^blocked_age_seconds\{.*function="database\/sql\./);
      expect(client.running).toBe(true);

      // Every report takes 60 ms at least, and not one is lost among the interceptors.
      const [reports, fastReports] = await counted(agent, "Report", "0.05");
      expect([reports > 5, fastReports]).toEqual([true, 0]);
      const [checkouts, fastCheckouts] = await counted(agent, "Checkout", "0.5");
      expect(checkouts).toBeGreaterThan(20);
      expect(fastCheckouts).toBeGreaterThan(0.9 * checkouts);
      expect((await counted(agent, "Watch", "60.0"))[0]).toBe(0);
      const { text } = await agent.get("/metrics");
      expect(text).not.toMatch(/request="main\./);

      const stored = await agent.event((line) => line.event === "upload.completed");
      const trace = `${String(stored["location"])}/${String(stored["prefix"])}/trace.out`;
      expect(await goToolTrace(trace)).toMatchObject({ exitCode: 0, stderr: "" });
      const rules = agent.events().filter((line) => line.event === "trigger.fired");
      expect(rules.map((line) => line["rule"])).not.toContain("slow-checkout");
      expect(rules.map((line) => line["rule"])).not.toContain("hanging-other");
    },
  );
});
