import { METRIC_PREFIX, type SignalDefinition } from "./catalog.ts";

/** The catalogue as a Markdown table, one for each source, for `docs/triggers.md`. */
export function formatSignalTable(signals: readonly SignalDefinition[]): string {
  const sources = [...new Set(signals.map(({ source }) => source))];
  return sources
    .map((source) => {
      const rows = signals.filter((signal) => signal.source === source).map(formatRow);
      return [`### From ${SOURCE_WORDS[source]}`, "", HEADER, RULER, ...rows].join("\n");
    })
    .join("\n\n");
}

const HEADER = "| Signal | Unit | Kind | Labels | What it is |";
const RULER = "|---|---|---|---|---|";

const SOURCE_WORDS: Readonly<Record<SignalDefinition["source"], string>> = {
  trace: "the trace, for each generation (about a second)",
  profile: "profiles",
  metrics: `the service's own metrics (\`${METRIC_PREFIX}NAME\`)`,
  probe: "probes",
  schedtrace: "schedtrace lines",
  target: "the target's life",
  external: "outside",
};

function formatRow({ name, unit, kind, labels, openLabels, description }: SignalDefinition): string {
  const names = [...labels.map((label) => `\`${label}\``), ...(openLabels ? ["any"] : [])].join(", ");
  return `| \`${name}\` | ${unit} | ${kind} | ${names} | ${description} |`;
}
