import { request } from "undici";
import { errorMessage, GorewindError } from "../base/errors.ts";
import type { RuleReport } from "../triggers/explain.ts";
import type { CommandIo } from "./io.ts";

export interface TriggersArguments {
  /** The running agent. */
  readonly agent: string;
  readonly rule?: string;
  readonly target?: string;
  readonly json?: boolean;
}

class AgentError extends GorewindError {}

/** `gorewind triggers`: asks a running agent why each rule fires, or does not. */
export async function showTriggers(args: TriggersArguments, io: CommandIo): Promise<number> {
  const reports = await ask(args);
  io.out(
    args.json === true
      ? `${JSON.stringify(reports, null, 2)}\n`
      : reports.map((report) => format(report)).join("\n"),
  );
  return 0;
}

async function ask({ agent, rule, target }: TriggersArguments): Promise<readonly RuleReport[]> {
  const url = new URL("/api/v1/triggers", agent);
  if (rule !== undefined) url.searchParams.set("rule", rule);
  if (target !== undefined) url.searchParams.set("target", target);
  try {
    const { statusCode, body } = await request(url);
    if (statusCode !== 200) throw new AgentError("agent", `${url.host} answered ${statusCode}`);
    return ((await body.json()) as { triggers: readonly RuleReport[] }).triggers;
  } catch (error) {
    if (error instanceof AgentError) throw error;
    throw new AgentError("agent", `cannot ask the agent at ${agent}: ${errorMessage(error)}`, {
      hint: "Is it running, and is this its http.listen? Give --agent http://host:port.",
    });
  }
}

function format(report: RuleReport): string {
  const { rule, severity, dryRun, targets, withoutData, instances } = report;
  const lines = [
    `${rule} (${severity}${dryRun ? ", dry run" : ""}): ${targets} target${targets === 1 ? "" : "s"}`,
  ];
  for (const instance of instances) {
    const labels = Object.entries(instance.labels).map(([name, value]) => `${name}="${value}"`);
    const series = labels.length === 0 ? "" : `{${labels.join(", ")}}`;
    lines.push(`  ${instance.target}${series}: ${instance.state.replaceAll("_", " ")}: ${instance.why}`);
    if (instance.firings > 0) {
      const last =
        instance.lastFired === undefined ? "" : `, last at ${new Date(instance.lastFired).toISOString()}`;
      lines.push(
        `    fired ${instance.firings} time${instance.firings === 1 ? "" : "s"}${last}; suppressed ${instance.suppressed}`,
      );
    }
  }
  if (withoutData.length > 0) lines.push(`  no data yet: ${withoutData.join(", ")}`);
  return `${lines.join("\n")}\n`;
}
