/**
 * Metrics → the two formats that Prometheus reads: its text format 0.0.4, and OpenMetrics 1.0, which alone has exemplars.
 * Written here, since prom-client 15 renames counters for good as soon as it has written OpenMetrics once.
 *
 * The series are the same in both, names and labels included; a server may change from one to the other.
 */

export type ExpositionFormat = "text" | "openmetrics";

/** A measurement that stands for others of its bucket, with what leads to more of it. */
export interface Exemplar {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  /** Unix seconds. */
  readonly timestamp: number;
}

export interface Sample {
  /** Where it is not the family's own: `…_bucket`. */
  readonly metricName?: string;
  readonly labels: Readonly<Record<string, string | number | undefined>>;
  readonly value: number;
  /** prom-client's own have null. */
  readonly exemplar?: Exemplar | null;
}

/** As prom-client's `getMetricsAsJSON` gives it. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly Sample[];
}

export const CONTENT_TYPES: Readonly<Record<ExpositionFormat, string>> = {
  text: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** What a client would rather have, by its `Accept`. Without one, and for whoever takes anything, it is text. */
export function negotiate(accept: string | undefined): ExpositionFormat {
  const wanted = (accept ?? "").split(",").map((range) => {
    const [type = "", ...parameters] = range.split(";").map((part) => part.trim().toLowerCase());
    const parameter = (name: string): string | undefined =>
      parameters.find((each) => each.startsWith(`${name}=`))?.slice(name.length + 1);
    const quality = Number(parameter("q") ?? 1);
    return { type, version: parameter("version"), quality: Number.isNaN(quality) ? 0 : quality };
  });
  const best = (accepts: (range: (typeof wanted)[number]) => boolean): number =>
    Math.max(0, ...wanted.filter(accepts).map(({ quality }) => quality));
  const openmetrics = best(
    ({ type, version = "1.0.0" }) =>
      type === "application/openmetrics-text" && (version === "1.0.0" || version === "0.0.1"),
  );
  const text = best(({ type }) => type === "text/plain" || type === "text/*");
  return openmetrics > 0 && openmetrics >= text ? "openmetrics" : "text";
}

/** All families as one page. */
export function renderExposition(families: readonly MetricFamily[], format: ExpositionFormat): string {
  const lines = families.flatMap((family) => renderFamily(family, format));
  if (format === "openmetrics") lines.push("# EOF");
  return `${lines.join("\n")}\n`;
}

function renderFamily(family: MetricFamily, format: ExpositionFormat): string[] {
  const { name, type } = declared(family, format);
  const help = escapeText(family.help, format === "openmetrics");
  const lines = [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
  const unit = /_(seconds|bytes|ratio)$/.exec(name)?.[1];
  if (format === "openmetrics" && unit !== undefined) lines.push(`# UNIT ${name} ${unit}`);
  for (const { metricName = family.name, labels, value, exemplar } of family.values) {
    const line = `${metricName}${formatLabels(labels)} ${formatNumber(value)}`;
    const shown = format === "openmetrics" && exemplar ? ` # ${formatExemplar(exemplar)}` : "";
    lines.push(line + shown);
  }
  return lines;
}

/** OpenMetrics declares a counter without `_total`; one whose name has none would have to be renamed: it is `unknown`. */
function declared({ name, type }: MetricFamily, format: ExpositionFormat): { name: string; type: string } {
  if (format === "text" || type !== "counter") return { name, type };
  return name.endsWith("_total")
    ? { name: name.slice(0, -"_total".length), type }
    : { name, type: "unknown" };
}

function formatExemplar({ labels, value, timestamp }: Exemplar): string {
  return `${formatLabels(labels) || "{}"} ${formatNumber(value)} ${timestamp.toFixed(3)}`;
}

function formatLabels(labels: Sample["labels"]): string {
  const pairs = Object.entries(labels).flatMap(([name, value]) => {
    if (value === undefined) return [];
    const text = typeof value === "number" && isBound(name) ? canonical(value) : String(value);
    return [`${name}="${escapeText(text, true)}"`];
  });
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

const isBound = (label: string): boolean => label === "le" || label === "quantile";

/** As OpenMetrics wants bounds to be spelt, and Prometheus 3 spells them whatever it reads: `1.0`, `1e-05`. */
function canonical(bound: number): string {
  const text = formatNumber(bound);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}

/** As Go does: an exponent of two digits, from 1e-05 down and from 1e+21 up. */
function formatNumber(value: number): string {
  if (value === Infinity) return "+Inf";
  if (value === -Infinity) return "-Inf";
  const text = value !== 0 && Math.abs(value) < 1e-4 ? value.toExponential() : String(value);
  return text.replace(/e([+-])(\d)$/, "e$10$2");
}

function escapeText(text: string, quotes: boolean): string {
  const escaped = text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  return quotes ? escaped.replaceAll('"', '\\"') : escaped;
}
