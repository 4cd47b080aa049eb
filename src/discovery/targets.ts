/** Groups as they are discovered → targets. Pure. */

import { refusedLiteral, type AddressTrust } from "../scraper/client/guard.ts";
import { targetName, type Target } from "../scraper/target.ts";
import { relabel, type Labels, type RelabelRule } from "./relabel.ts";

/** Addresses that share labels, as every discovery gives them. */
export interface TargetGroup {
  readonly targets: readonly string[];
  readonly labels: Labels;
}

/** What a scrape config makes of what is discovered for it. */
export interface TargetRules {
  readonly jobName: string;
  readonly scheme: "http" | "https";
  readonly relabel: readonly RelabelRule[];
  readonly globalLabels: Labels;
}

/** Why a discovered address is no target. */
export type Refusal = "address" | "forbidden" | "scheme" | "labels" | "duplicate" | "limit";

export interface ResolvedTargets {
  readonly targets: readonly Target[];
  /** By relabeling, as somebody wished. */
  readonly dropped: number;
  /** Addresses that became the very same target as another, such as the ports of one pod. */
  readonly merged: readonly string[];
  readonly refused: readonly { readonly address: string; readonly reason: Refusal }[];
}

const isSame = (one: Target | undefined, other: Target): boolean =>
  JSON.stringify(one) === JSON.stringify(other);

type Resolved =
  | { readonly kind: "target"; readonly target: Target }
  | { readonly kind: "dropped" }
  | { readonly kind: "refused"; readonly reason: Refusal };

const ADDRESS = /^((\[[0-9a-fA-F:.]+\]|[^\s\p{Cc}/:@[\]?#\\]+)(:\d{1,5})?|unix:\/\P{Cc}+)$/u;
const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;
const MAX_LABELS = 64;
/** As for labels that are written into the configuration; longer ones are cut. */
const MAX_LABEL_VALUE = 256;

/** What became of groups before, under the same rules: of many pods only the changed ones are looked at again. */
export type KnownGroups = WeakMap<TargetGroup, readonly Resolved[]>;

/** Every target of the groups, in their order; of two with one name but other labels, the first. */
export function resolveTargets(
  rules: TargetRules,
  groups: readonly TargetGroup[],
  trust: AddressTrust,
  known: KnownGroups = new WeakMap(),
): ResolvedTargets {
  const targets = new Map<string, Target>();
  const refused: { address: string; reason: Refusal }[] = [];
  const merged: string[] = [];
  let dropped = 0;
  for (const group of groups) {
    let outcomes = known.get(group);
    if (outcomes === undefined) {
      outcomes = group.targets.map((address) => resolve(rules, group.labels, address, trust));
      known.set(group, outcomes);
    }
    for (const [i, outcome] of outcomes.entries()) {
      const address = group.targets[i] ?? "";
      if (outcome.kind === "dropped") dropped++;
      else if (outcome.kind === "refused") refused.push({ address, reason: outcome.reason });
      else if (isSame(targets.get(outcome.target.name), outcome.target)) merged.push(address);
      else if (targets.has(outcome.target.name)) refused.push({ address, reason: "duplicate" });
      else targets.set(outcome.target.name, outcome.target);
    }
  }
  return { targets: [...targets.values()], dropped, merged, refused };
}

function resolve(rules: TargetRules, given: Labels, discovered: string, trust: AddressTrust): Resolved {
  const labels = new Map<string, string>();
  for (const source of [rules.globalLabels, { job: rules.jobName, __scheme__: rules.scheme }, given]) {
    // An empty label is none, so it does not hide the job's name.
    for (const name in source) if (source[name] !== "") labels.set(name, source[name] ?? "");
  }
  labels.set("__address__", discovered);
  if (!relabel(labels, rules.relabel)) return { kind: "dropped" };
  const address = labels.get("__address__") ?? "";
  const scheme = labels.get("__scheme__") ?? "";
  if (!ADDRESS.test(address) || !isHost(address) || (trust !== "configured" && address.startsWith("unix:"))) {
    return { kind: "refused", reason: "address" };
  }
  if (refusedLiteral(address, trust) !== undefined) return { kind: "refused", reason: "forbidden" };
  if (scheme !== "http" && scheme !== "https") return { kind: "refused", reason: "scheme" };
  const shown = shownLabels(labels, address, rules.jobName);
  if (shown === undefined) return { kind: "refused", reason: "labels" };
  const job = shown["job"] ?? rules.jobName;
  const params = paramsOf(labels);
  const metricsPath = labels.get("__metrics_path__");
  const target: Target = {
    name: targetName(job, address),
    job,
    address,
    scheme,
    labels: shown,
    ...(metricsPath?.startsWith("/") === true && { metricsPath }),
    ...(params !== undefined && { params }),
  };
  return { kind: "target", target };
}

const isHost = (address: string): boolean =>
  address.startsWith("unix:") || URL.canParse(`http://${address}/`);

/** What is left for people and rules to see: no name that begins with two underscores. */
function shownLabels(labels: ReadonlyMap<string, string>, address: string, job: string): Labels | undefined {
  const shown: Record<string, string> = { job, instance: address, service: job };
  for (const [name, value] of labels) {
    if (name.startsWith("__")) continue;
    if (!LABEL_NAME.test(name)) return undefined;
    shown[name] = value.slice(0, MAX_LABEL_VALUE);
  }
  return Object.keys(shown).length > MAX_LABELS ? undefined : shown;
}

function paramsOf(labels: ReadonlyMap<string, string>): Readonly<Record<string, string>> | undefined {
  const prefix = "__param_";
  const params = [...labels]
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, value]) => [name.slice(prefix.length), value] as const);
  return params.length === 0 ? undefined : Object.fromEntries(params);
}
