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
  if (reports.length === 0 && args.rule !== undefined) throw new AgentError("no_rule", await noRule(args));
  io.out(
    args.json === true
      ? `${JSON.stringify(reports, null, 2)}\n`
      : reports.map((report) => format(report, args.rule !== undefined)).join("\n"),
  );
  return 0;
}

async function ask({ agent, rule, target }: TriggersArguments): Promise<readonly RuleReport[]> {
  const url = new URL("/api/v1/triggers", agent);
  if (rule !== undefined) url.searchParams.set("rule", rule);
  if (target !== undefined) url.searchParams.set("target", target);
  try {
    const { statusCode, body } = await request(url);
    if (statusCode !== 200) throw refusal(url, statusCode, await body.text());
    return ((await body.json()) as { triggers: readonly RuleReport[] }).triggers;
  } catch (error) {
    if (error instanceof AgentError) throw error;
    throw new AgentError("agent", `cannot ask the agent at ${agent}: ${errorMessage(error)}`, {
      hint: "Is it running, and is this its http.listen? Give --agent http://host:port.",
    });
  }
}

async function noRule({ agent, rule }: TriggersArguments): Promise<string> {
  const known = (await ask({ agent })).map((report) => report.rule);
  return `no rule is called ${rule}; ${known.length === 0 ? "there is none" : `the rules are ${known.join(", ")}`}`;
}

/** What the agent itself says is wrong, as far as it does. */
function refusal(url: URL, status: number, text: string): AgentError {
  try {
    const { error, hint } = JSON.parse(text) as { readonly error: string; readonly hint?: string };
    return new AgentError("agent", error, hint === undefined ? {} : { hint });
  } catch {
    return new AgentError("agent", `${url.host} answered ${status}`);
  }
}

/** @param detailed with the last evaluations: of one rule, not of all. */
function format(report: RuleReport, detailed: boolean): string {
  const { rule, severity, dryRun, signals, targets, withoutData, instances } = report;
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
    if (!detailed) continue;
    for (const { at, truth, count } of instance.evaluations)
      lines.push(`    ${new Date(at).toISOString()} ${truth}${count === 1 ? "" : ` (${count} in a row)`}`);
  }
  if (withoutData.length > 0) lines.push(`  no ${signals.join(", ")} seen yet of ${withoutData.join(", ")}`);
  return `${lines.join("\n")}\n`;
}
