/** Prometheus' relabeling: one rule after the other on a target's labels. Pure. */

import { createHash } from "node:crypto";
import { assertNever } from "../base/errors.ts";
import { everywhere, expand } from "./regex.ts";

export const RELABEL_ACTIONS = [
  "replace",
  "keep",
  "drop",
  "keepequal",
  "dropequal",
  "hashmod",
  "labelmap",
  "labeldrop",
  "labelkeep",
  "lowercase",
  "uppercase",
] as const;

export type RelabelAction = (typeof RELABEL_ACTIONS)[number];

export interface RelabelRule {
  readonly action: RelabelAction;
  readonly sourceLabels: readonly string[];
  /** Between the values of the source labels. */
  readonly separator: string;
  /** Anchored at both ends. */
  readonly regex: RegExp;
  readonly targetLabel: string;
  readonly replacement: string;
  readonly modulus: number;
}

export type Labels = Readonly<Record<string, string>>;

const LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

/**
 * Applies every rule to `labels`, in place: a cluster has many pods and a pod many labels. A label without a value is
 * none, and must not be among them.
 *
 * @returns whether the target stays.
 */
export function relabel(labels: Map<string, string>, rules: readonly RelabelRule[]): boolean {
  return rules.every((rule) => apply(rule, labels));
}

/** Whether the target stays. */
function apply(rule: RelabelRule, labels: Map<string, string>): boolean {
  const value = rule.sourceLabels.map((name) => labels.get(name) ?? "").join(rule.separator);
  switch (rule.action) {
    case "keep":
      return rule.regex.test(value);
    case "drop":
      return !rule.regex.test(value);
    case "keepequal":
      return (labels.get(rule.targetLabel) ?? "") === value;
    case "dropequal":
      return (labels.get(rule.targetLabel) ?? "") !== value;
    case "replace":
      replace(rule, value, labels);
      return true;
    case "lowercase":
      assign(
        labels,
        rule.targetLabel,
        eachRune(value, (rune) => firstOf(rune.toLowerCase())),
      );
      return true;
    case "uppercase":
      assign(labels, rule.targetLabel, eachRune(value, upper));
      return true;
    case "hashmod":
      assign(labels, rule.targetLabel, (lastOfMd5(value) % BigInt(rule.modulus)).toString());
      return true;
    case "labelmap": {
      const pattern = everywhere(rule.regex);
      // As they were before: what the rule writes is not mapped again.
      for (const [name, held] of Array.from(labels)) {
        if (!rule.regex.test(name)) continue;
        assign(
          labels,
          name.replaceAll(pattern, (...parts) => expand(rule.replacement, matchOf(parts))),
          held,
        );
      }
      return true;
    }
    case "labeldrop":
    case "labelkeep":
      for (const name of labels.keys()) {
        if (rule.regex.test(name) === (rule.action === "labeldrop")) labels.delete(name);
      }
      return true;
    default:
      return assertNever(rule.action);
  }
}

/** Go maps each character to one character: "ß" stays, and a sigma at the end of a word is like any other. */
const eachRune = (text: string, map: (rune: string) => string): string => Array.from(text, map).join("");
const firstOf = (text: string): string => String.fromCodePoint(text.codePointAt(0) ?? 0);
const upper = (rune: string): string => {
  const mapped = rune.toUpperCase();
  return firstOf(mapped) === mapped ? mapped : rune;
};

function replace(rule: RelabelRule, value: string, labels: Map<string, string>): void {
  const match = rule.regex.exec(value);
  if (match === null) return;
  const target = expand(rule.targetLabel, match);
  if (LABEL_NAME.test(target)) assign(labels, target, expand(rule.replacement, match));
}

function assign(labels: Map<string, string>, name: string, value: string): void {
  if (value === "") labels.delete(name);
  else labels.set(name, value);
}

/** The last eight bytes of the MD5, as Prometheus takes them: agents and Prometheus shard alike. */
function lastOfMd5(value: string): bigint {
  return createHash("md5").update(value).digest().readBigUInt64BE(8);
}

/** The arguments of `replaceAll`'s function as `exec` would have given them. */
function matchOf(parts: readonly unknown[]): RegExpExecArray {
  const last = parts.at(-1);
  const groups = typeof last === "object" ? (last as Record<string, string>) : undefined;
  const texts = parts.slice(0, groups === undefined ? -2 : -3) as string[];
  return Object.assign([...texts], { index: 0, input: "", groups }) as unknown as RegExpExecArray;
}
