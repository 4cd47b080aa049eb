/** What a manifest may say of a target with a privacy policy. Pure. */

import type { PrivacyPolicy, PrivateKind, Rename } from "../base/privacy.ts";
import { isStandard } from "../base/standard-library.ts";
import type { Labels } from "../signals/signal.ts";
import type { Firing } from "../triggers/decision.ts";

/** Labels of the agent's own signals, by what their values are; `undefined`: words of Go's or of the operator's. */
const LABELS: Readonly<Record<string, PrivateKind | undefined>> = {
  task: "task_names",
  region: "task_names",
  category: "task_names",
  message: "log_values",
  function: "functions",
  request: "functions",
  kind: undefined,
  state: undefined,
  reason: undefined,
  probe: undefined,
  schedule: undefined,
  query: undefined,
  alertname: undefined,
  severity: undefined,
  status: undefined,
};

/** The firings with what the policy names replaced, in the sentence for people as well. */
export function protectFirings(
  firings: readonly Firing[],
  policy: PrivacyPolicy,
  rename: Rename,
): readonly Firing[] {
  return policy.length === 0 ? firings : firings.map((firing) => protectFiring(firing, policy, rename));
}

function protectFiring(firing: Firing, policy: PrivacyPolicy, rename: Rename): Firing {
  const { seriesLabels } = firing;
  if (seriesLabels === undefined) return firing;
  const replaced = protectLabels(seriesLabels, policy, rename);
  let { message } = firing;
  for (const [name, value] of Object.entries(seriesLabels)) {
    const instead = replaced[name] ?? value;
    if (instead !== value) message = message.replaceAll(value, instead);
  }
  return { ...firing, seriesLabels: replaced, message };
}

/** A series' labels with what the policy names replaced. */
export function protectLabels(labels: Labels, policy: PrivacyPolicy, rename: Rename): Labels {
  if (policy.length === 0) return labels;
  const replaced: Record<string, string> = {};
  for (const [name, value] of Object.entries(labels)) {
    const kind = name in LABELS ? LABELS[name] : "labels";
    const keep = kind === undefined || !policy.includes(kind) || value === "" || isGo(kind, value);
    replaced[name] = keep ? value : rename(kind, value);
  }
  return replaced;
}

const isGo = (kind: PrivateKind, value: string): boolean =>
  kind === "functions" && (isStandard(value) || value === "main.main");
