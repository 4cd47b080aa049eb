import { isIP } from "node:net";
import { z } from "zod";
import { seconds } from "../base/units.ts";
import { duration } from "../schema/schema.ts";
import { clientFields, clientOf, oneCredential } from "../scraper/client/options.ts";
import { anchoredRegex, RegexError } from "./regex.ts";
import { RELABEL_ACTIONS, type RelabelAction, type RelabelRule } from "./relabel.ts";

const labelName = z.string().regex(/^[a-zA-Z_][a-zA-Z0-9_]*$/, {
  error: "a label name has letters, digits and underscores, and begins with no digit",
});

/** A label name, or one with groups of the expression in it. */
const LABEL_TEMPLATE = /^(?:[a-zA-Z_]|\$(?:\{\w+\}|\w+))(?:\w|\$(?:\{\w+\}|\w+))*$/;
const NEEDS_TARGET: ReadonlySet<RelabelAction> = new Set([
  "replace",
  "hashmod",
  "lowercase",
  "uppercase",
  "keepequal",
  "dropequal",
]);

/** One of `relabel_configs:`, in Prometheus' dialect. */
export const relabelConfig = z
  .strictObject({
    source_labels: z
      .array(labelName)
      .default([])
      .describe("Their values, joined, are what regex is held against."),
    separator: z.string().max(64).default(";"),
    regex: z.string().max(4096).default("(.*)").describe("RE2, matched against the whole text."),
    modulus: z
      .union(
        [
          z.int().min(1),
          z
            .string()
            .regex(/^[1-9]\d{0,8}$/)
            .transform(Number),
        ],
        {
          error: "expected a number of shards, 1 or more",
        },
      )
      .optional()
      .describe("hashmod: how many shards."),
    target_label: z.string().max(256).optional().describe("The label that is written, or compared with."),
    replacement: z
      .string()
      .max(1024)
      .default("$1")
      .describe("What is written; $1 is the first group of regex."),
    action: z.preprocess(
      (text) => (typeof text === "string" ? text.toLowerCase() : text),
      z.enum(RELABEL_ACTIONS).default("replace"),
    ),
  })
  .transform((raw, context): RelabelRule => {
    const wrong = (path: string, message: string): void =>
      context.addIssue({ code: "custom", path: [path], message });
    const { action, target_label: targetLabel } = raw;
    if (NEEDS_TARGET.has(action)) {
      const template = action === "replace" ? LABEL_TEMPLATE : /^[a-zA-Z_]\w*$/;
      if (targetLabel === undefined) wrong("target_label", `${action} needs a target_label`);
      else if (!template.test(targetLabel)) wrong("target_label", `"${targetLabel}" is no label name`);
    }
    if (action === "hashmod" && raw.modulus === undefined) wrong("modulus", "hashmod needs a modulus");
    if (action === "labelmap" && !LABEL_TEMPLATE.test(raw.replacement)) {
      wrong("replacement", `labelmap writes label names, and "${raw.replacement}" is none`);
    }
    let regex = /^(?:(.*))$/su;
    try {
      regex = anchoredRegex(raw.regex);
    } catch (error) {
      if (!(error instanceof RegexError)) throw error;
      wrong("regex", error.message);
    }
    return {
      action,
      sourceLabels: raw.source_labels,
      separator: raw.separator,
      regex,
      targetLabel: targetLabel ?? "",
      replacement: raw.replacement,
      modulus: raw.modulus ?? 1,
    };
  });

const refresh = (text: number) =>
  duration()
    .default(seconds(text))
    .refine((interval) => interval >= 100, { error: "an interval is at least 100ms" });

const allowLoopback = z
  .boolean()
  .default(false)
  .describe("Connect to loopback addresses too. Link-local and metadata addresses stay refused.");

const fileDiscovery = z
  .strictObject({
    files: z
      .array(
        z.string().regex(/^[^*?]*[^/]*\.(json|yml|yaml)$/, {
          error: "expected a path that ends in .json, .yml or .yaml; * and ? in its last part only",
        }),
      )
      .min(1)
      .describe("Paths, with * and ? in the last part; relative to the configuration."),
    refresh_interval: refresh(30).describe(
      "Changes are seen at once; this is for file systems that do not tell.",
    ),
  })
  .transform((raw) => ({ kind: "file" as const, files: raw.files, refresh: raw.refresh_interval }));

const httpDiscovery = z
  .strictObject({
    url: z.url({ protocol: /^https?$/, error: "expected a URL, http or https" }),
    refresh_interval: refresh(60),
    allow_loopback: allowLoopback,
    ...clientFields,
  })
  .superRefine(oneCredential)
  .transform((raw) => ({
    kind: "http" as const,
    url: raw.url,
    refresh: raw.refresh_interval,
    allowLoopback: raw.allow_loopback,
    client: clientOf(raw),
  }));

const dnsDiscovery = z
  .strictObject({
    names: z.array(z.string().min(1).max(253)).min(1).describe("Names, in full: no search domain is added."),
    type: z.enum(["SRV", "A", "AAAA"]).default("SRV"),
    port: z.int().min(1).max(65_535).optional().describe("For A and AAAA; SRV records have their own."),
    refresh_interval: refresh(30),
    nameservers: z
      .array(
        z.string().refine((text) => isIP(text) > 0 || /^([\d.]+|\[[0-9a-fA-F:.]+\]):\d{1,5}$/.test(text), {
          error: "expected an IP address, or one with a port",
        }),
      )
      .optional()
      .describe("Ask these instead of the machine's own."),
    allow_loopback: allowLoopback,
  })
  .refine((raw) => raw.type === "SRV" || raw.port !== undefined, {
    error: "A and AAAA records have no port: give one",
    path: ["port"],
  })
  .transform((raw) => ({
    kind: "dns" as const,
    names: raw.names,
    type: raw.type,
    port: raw.port ?? 0,
    refresh: raw.refresh_interval,
    nameservers: raw.nameservers,
    allowLoopback: raw.allow_loopback,
  }));

const ACCOUNT = "/var/run/secrets/kubernetes.io/serviceaccount";

const kubernetesDiscovery = z
  .strictObject({
    role: z.literal("pod").describe("What is watched."),
    api_server: z
      .url({ protocol: /^https?$/, error: "expected a URL, http or https" })
      .optional()
      .describe("Default: the cluster that the agent runs in, with its service account."),
    namespaces: z
      .strictObject({
        names: z.array(z.string().min(1).max(253)).default([]),
        own_namespace: z
          .boolean()
          .optional()
          .describe("The agent's own; the default when there are no names."),
        all: z.boolean().default(false).describe("Every namespace: this needs a ClusterRole."),
      })
      .prefault({}),
    selectors: z
      .array(
        z.strictObject({
          role: z.literal("pod"),
          label: z.string().max(4096).optional(),
          field: z.string().max(4096).optional(),
        }),
      )
      .max(1)
      .default([])
      .describe("Which pods the API server tells of at all."),
    allow_loopback: allowLoopback,
    ...clientFields,
  })
  .superRefine(oneCredential)
  .transform((raw) => {
    const client = clientOf(raw);
    const { names, own_namespace: own = names.length === 0, all } = raw.namespaces;
    const account = raw.api_server === undefined;
    const credentials = { kind: "file", path: `${ACCOUNT}/token` } as const;
    return {
      kind: "kubernetes" as const,
      apiServer: raw.api_server ?? "https://kubernetes.default.svc",
      namespaces: all ? ({ kind: "all" } as const) : ({ kind: "named", names, own } as const),
      ownNamespaceFile: `${ACCOUNT}/namespace`,
      labelSelector: raw.selectors[0]?.label,
      fieldSelector: raw.selectors[0]?.field,
      allowLoopback: raw.allow_loopback,
      client: {
        ...client,
        ...(account &&
          client.basicAuth === undefined &&
          client.authorization === undefined && { authorization: { type: "Bearer", credentials } }),
        ...(account &&
          client.tls.ca === undefined && {
            tls: { ...client.tls, ca: { kind: "file", path: `${ACCOUNT}/ca.crt` } as const },
          }),
      },
    };
  });

/** The `…_sd_configs:` of a scrape config. */
export const discoveryFields = {
  file_sd_configs: z.array(fileDiscovery).default([]).describe("Targets from files."),
  http_sd_configs: z.array(httpDiscovery).default([]).describe("Targets from a URL."),
  dns_sd_configs: z.array(dnsDiscovery).default([]).describe("Targets from DNS."),
  kubernetes_sd_configs: z
    .array(kubernetesDiscovery)
    .default([])
    .describe("The pods of a Kubernetes cluster."),
};

export type FileDiscoveryOptions = z.output<typeof fileDiscovery>;
export type HttpDiscoveryOptions = z.output<typeof httpDiscovery>;
export type DnsDiscoveryOptions = z.output<typeof dnsDiscovery>;
export type KubernetesDiscoveryOptions = z.output<typeof kubernetesDiscovery>;
export type DiscoveryOptions =
  | FileDiscoveryOptions
  | HttpDiscoveryOptions
  | DnsDiscoveryOptions
  | KubernetesDiscoveryOptions;
